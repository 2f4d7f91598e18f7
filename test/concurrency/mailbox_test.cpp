#include "actors/mailbox.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace asio = boost::asio;

namespace strata::actors {
namespace {

struct Numbered {
  std::size_t producer = 0;
  std::uint64_t number = 0;
};

using NumberedMailbox = Mailbox<Numbered>;

constexpr MailboxLimits roomy{1 << 20, 64 << 20};

// Receives everything until the mailbox is closed, and checks that each producer's numbers come in order, none missing.
struct Consumer {
  NumberedMailbox& mailbox;
  std::vector<std::uint64_t> next;
  std::uint64_t received = 0;
  std::uint64_t batches = 0;
  bool in_order = true;

  asio::awaitable<void> run() {
    for (;;) {
      auto batch = co_await mailbox.receive();
      if (batch.empty()) {
        co_return;
      }
      ++batches;
      for (const Numbered& message : batch) {
        in_order = in_order && message.number == next[message.producer]++;
        ++received;
      }
    }
  }
};

void post_all(NumberedMailbox& mailbox, std::size_t producer, std::uint64_t count) {
  for (std::uint64_t number = 0; number < count; ++number) {
    while (mailbox.post(Numbered{producer, number}, sizeof(Numbered)) == PostResult::full) {
      std::this_thread::yield();
    }
  }
}

void stress(std::size_t producers, std::uint64_t each, MailboxLimits limits) {
  asio::io_context context(1);
  NumberedMailbox mailbox(context.get_executor(), limits);
  Consumer consumer{mailbox, std::vector<std::uint64_t>(producers)};
  asio::co_spawn(context, consumer.run(), asio::detached);
  std::thread runner([&context] { context.run(); });
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < producers; ++producer) {
    threads.emplace_back(post_all, std::ref(mailbox), producer, each);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  mailbox.close();
  runner.join();
  CHECK(consumer.received == producers * each);
  CHECK(consumer.in_order);
}

TEST_CASE("millions of posts from several threads all arrive, each producer's in order") {
  stress(4, 500'000, roomy);
}

TEST_CASE("a small mailbox under several producers refuses instead of growing, and loses nothing") {
  stress(3, 100'000, {8, 1 << 20});
}

TEST_CASE("closing while the consumer waits wakes it, and it sees the end") {
  for (int round = 0; round < 2'000; ++round) {
    asio::io_context context(1);
    NumberedMailbox mailbox(context.get_executor(), roomy);
    Consumer consumer{mailbox, std::vector<std::uint64_t>(1)};
    asio::co_spawn(context, consumer.run(), asio::detached);
    std::thread closer([&mailbox] { mailbox.close(); });
    context.run();
    closer.join();
    CHECK(consumer.received == 0);
    CHECK(mailbox.closed());
  }
}

TEST_CASE("what was accepted before a close is received, what comes after it is refused") {
  for (int round = 0; round < 500; ++round) {
    asio::io_context context(1);
    NumberedMailbox mailbox(context.get_executor(), roomy);
    Consumer consumer{mailbox, std::vector<std::uint64_t>(2)};
    asio::co_spawn(context, consumer.run(), asio::detached);
    std::atomic<std::uint64_t> accepted = 0;
    auto produce = [&](std::size_t producer) {
      for (std::uint64_t number = 0; number < 200; ++number) {
        if (mailbox.post(Numbered{producer, number}, 1) != PostResult::accepted) {
          return;
        }
        ++accepted;
      }
    };
    std::thread first(produce, 0);
    std::thread second(produce, 1);
    std::thread closer([&mailbox] { mailbox.close(); });
    context.run();
    first.join();
    second.join();
    closer.join();
    CHECK(consumer.received == accepted);
    CHECK(consumer.in_order);
  }
}

TEST_CASE("a refused message is left with its owner") {
  asio::io_context context(1);
  Mailbox<std::unique_ptr<int>> mailbox(context.get_executor(), {1, 100});
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  CHECK(mailbox.post(std::move(first), 10) == PostResult::accepted);
  CHECK(mailbox.post(std::move(second), 10) == PostResult::full);
  REQUIRE(second);
  CHECK(*second == 2);
  mailbox.close();
  CHECK(mailbox.post(std::move(second), 10) == PostResult::closed);
  REQUIRE(second);
}

TEST_CASE("the bound in bytes holds, but an empty mailbox takes one message of any size") {
  asio::io_context context(1);
  NumberedMailbox mailbox(context.get_executor(), {100, 1'000});
  CHECK(mailbox.post(Numbered{}, 5'000) == PostResult::accepted);
  CHECK(mailbox.post(Numbered{}, 1) == PostResult::full);
  CHECK_FALSE(mailbox.take().empty());
  CHECK(mailbox.post(Numbered{}, 600) == PostResult::accepted);
  CHECK(mailbox.post(Numbered{}, 600) == PostResult::full);
  CHECK(mailbox.post(Numbered{}, 400) == PostResult::accepted);
}

}  // namespace
}  // namespace strata::actors
