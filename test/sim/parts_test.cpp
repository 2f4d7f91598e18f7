// The simulator's own parts: what they promise, and that its checks can fail.
#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/mailbox.hpp"
#include "sim/clock.hpp"
#include "sim/executor.hpp"
#include "sim/history.hpp"
#include "sim/network.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace strata::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration no_lateness{};

TimePoint at(Duration time) {
  return TimePoint(time);
}

void run_all(Scheduler& scheduler) {
  while (!scheduler.idle()) {
    scheduler.run_next(TimePoint::max());
  }
}

TEST_CASE("equal seeds draw equal numbers, other seeds, purposes and streams draw others") {
  Random first(7, Purpose::network, 1);
  Random same(7, Purpose::network, 1);
  CHECK(first.next() == same.next());
  CHECK(Random(7, Purpose::network, 1).next() != Random(8, Purpose::network, 1).next());
  CHECK(Random(7, Purpose::network, 1).next() != Random(7, Purpose::disk, 1).next());
  CHECK(Random(7, Purpose::network, 1).next() != Random(7, Purpose::network, 2).next());
}

TEST_CASE("the generator is xoshiro256** started by splitmix64") {
  Random random(0);
  CHECK(random.next() == 0x99ec5f36cb75f2b4);
  CHECK(random.next() == 0xbf6e1f784956452a);
}

TEST_CASE("numbers below a bound reach every value and never the bound") {
  Random random(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 1000; ++i) {
    ++seen.at(random.below(10));
  }
  CHECK(std::ranges::all_of(seen, [](int count) { return count > 50; }));
  CHECK(random.below(1) == 0);
}

TEST_CASE("functions run in the order of their time, and those of one time in the order of asking") {
  Scheduler scheduler;
  std::string order;
  scheduler.at(at(milliseconds(2)), [&] { order += 'c'; });
  scheduler.at(at(milliseconds(1)), [&] {
    order += 'a';
    scheduler.at(at(milliseconds(0)), [&] { order += 'b'; });
  });
  scheduler.at(at(milliseconds(2)), [&] { order += 'd'; });
  run_all(scheduler);
  CHECK(order == "abcd");
}

TEST_CASE("time goes on to the end when nothing is due before it") {
  Scheduler scheduler;
  scheduler.at(at(seconds(2)), [] {});
  CHECK_FALSE(scheduler.run_next(at(seconds(1))));
  CHECK(scheduler.now() == at(seconds(1)));
  CHECK(scheduler.run_next(at(seconds(3))));
  CHECK(scheduler.now() == at(seconds(2)));
}

TEST_CASE("a simulated thread runs one function at a time and takes the time that it is told") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  thread.set_service_time({milliseconds(10), Duration::zero()});
  std::vector<TimePoint> ran;
  for (int i = 0; i < 3; ++i) {
    thread.execute([&] { ran.push_back(scheduler.now()); });
  }
  run_all(scheduler);
  CHECK(ran == std::vector{at(milliseconds(10)), at(milliseconds(20)), at(milliseconds(30))});
}

TEST_CASE("a paused thread runs nothing until its time has come") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  std::vector<TimePoint> ran;
  thread.execute([&] { ran.push_back(scheduler.now()); });
  thread.pause_until(at(seconds(5)));
  run_all(scheduler);
  CHECK(ran == std::vector{at(seconds(5))});
}

TEST_CASE("a halted thread drops what waits and what comes, and a resumed one starts anew") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  int ran = 0;
  const auto alive = std::make_shared<int>(0);
  thread.execute([&ran, alive] { ++ran; });
  thread.halt();
  thread.execute([&ran, alive] { ++ran; });
  CHECK(alive.use_count() == 1);
  thread.resume();
  run_all(scheduler);
  CHECK(ran == 0);
  thread.execute([&ran] { ++ran; });
  run_all(scheduler);
  CHECK(ran == 1);
}

struct Receiver {
  actors::Mailbox<int>& mailbox;
  std::vector<int> received;
  std::shared_ptr<int> alive;

  boost::asio::awaitable<void> run() {
    const std::shared_ptr<int> held = alive;
    for (;;) {
      auto batch = co_await mailbox.receive();
      if (batch.empty()) {
        co_return;
      }
      for (const int number : batch) {
        received.push_back(number);
      }
    }
  }
};

TEST_CASE("a coroutine on a simulated thread receives from a mailbox in virtual time") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  thread.set_service_time({milliseconds(1), Duration::zero()});
  const boost::asio::any_io_executor executor = thread.executor();
  actors::Mailbox<int> mailbox(executor, {});
  Receiver receiver{mailbox, {}, std::make_shared<int>(0)};
  boost::asio::co_spawn(executor, receiver.run(), boost::asio::detached);
  scheduler.at(at(seconds(1)), [&] {
    mailbox.post(1, 1);
    mailbox.post(2, 1);
  });
  scheduler.at(at(seconds(2)), [&] { mailbox.close(); });
  run_all(scheduler);
  CHECK(receiver.received == std::vector{1, 2});
  CHECK(receiver.alive.use_count() == 1);
  CHECK(scheduler.now() < at(seconds(3)));
}

TEST_CASE("a coroutine of a halted thread is unwound when its mailbox is closed, and does not run on") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  const boost::asio::any_io_executor executor = thread.executor();
  actors::Mailbox<int> mailbox(executor, {});
  Receiver receiver{mailbox, {}, std::make_shared<int>(0)};
  boost::asio::co_spawn(executor, receiver.run(), boost::asio::detached);
  run_all(scheduler);
  CHECK(receiver.alive.use_count() == 2);
  mailbox.post(1, 1);
  thread.halt();
  CHECK(receiver.alive.use_count() == 1);
  mailbox.close();
  CHECK(receiver.received.empty());
}

TEST_CASE("an alarm rings once at its newest time, by the clock of its node") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  SimClock clock(scheduler, thread, {seconds(100), 100'000}, no_lateness);
  std::vector<TimePoint> rung;
  const auto alarm = clock.make_alarm([&] { rung.push_back(clock.now()); });
  alarm->set(at(seconds(101)));
  alarm->set(at(seconds(111)));
  run_all(scheduler);
  CHECK(rung == std::vector{at(seconds(111))});
  CHECK(scheduler.now() == at(seconds(10)));
  alarm->set(at(seconds(120)));
  alarm->set(at(seconds(115)));
  alarm->cancel();
  run_all(scheduler);
  CHECK(rung.size() == 1);
}

TEST_CASE("the virtual time of a node's time is the first at which its clock shows it") {
  Scheduler scheduler;
  SimThread thread(scheduler, Random(1));
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    const SimClock clock(scheduler, thread,
                         {random.between(Duration(0), seconds(1)), random.between(-200'000, 200'000)}, no_lateness);
    scheduler.run_next(scheduler.now() + random.between(Duration(0), seconds(1)));
    const TimePoint local = clock.now();
    CHECK(clock.virtual_time_of(local) <= scheduler.now());
    CHECK(clock.virtual_time_of(local + Duration(1)) > scheduler.now());
  }
}

struct Wire {
  Scheduler scheduler;
  Trace trace{scheduler, nullptr};
  Network network{scheduler, trace, Random(1)};
  std::string received;

  Wire() { connect(); }
  void connect() {
    network.connect(NodeId(2), [this](const Arrival& arrival) { received += arrival.frame.view(); });
  }
  void send(const char* frame) { network.send(NodeId(1), NodeId(2), 0, frame); }
  std::string run() {
    run_all(scheduler);
    return std::exchange(received, {});
  }
};

TEST_CASE("one lane keeps its order unless it is told to reorder") {
  Wire wire;
  const std::string letters = "abcdefghijklmnopqrstuvwxyz";
  const auto send_all = [&] {
    for (const char letter : letters) {
      wire.send(std::string(1, letter).c_str());
    }
    return wire.run();
  };
  CHECK(send_all() == letters);
  NetworkFaults faults;
  faults.reordered = 500;
  wire.network.set_faults(faults);
  std::string other = send_all();
  CHECK(other != letters);
  std::ranges::sort(other);
  CHECK(other == letters);
}

TEST_CASE("a cut way loses, a clogged one holds back, and so do loss and duplication what they say") {
  Wire wire;
  wire.network.cut(NodeId(1), NodeId(2), true);
  wire.send("a");
  CHECK(wire.run().empty());
  wire.network.heal();
  wire.network.clog(NodeId(1), NodeId(2), at(seconds(9)));
  wire.send("b");
  CHECK(wire.run() == "b");
  CHECK(wire.scheduler.now() >= at(seconds(9)));
  NetworkFaults faults;
  faults.lost = 1000;
  wire.network.set_faults(faults);
  wire.send("c");
  CHECK(wire.run().empty());
  faults.lost = 0;
  faults.duplicated = 1000;
  wire.network.set_faults(faults);
  wire.send("d");
  CHECK(wire.run() == "dd");
}

TEST_CASE("what is on its way to a node that dies is lost, unless it is to arrive at the next one") {
  Wire wire;
  wire.send("a");
  wire.network.disconnect(NodeId(2));
  wire.connect();
  CHECK(wire.run().empty());
  NetworkFaults faults;
  faults.stale = 1000;
  wire.network.set_faults(faults);
  wire.send("b");
  wire.network.disconnect(NodeId(2));
  wire.connect();
  CHECK(wire.run() == "b");
}

TEST_CASE("a lane that is full loses what more is sent") {
  Wire wire;
  NetworkFaults faults;
  faults.high_water = 2;
  wire.network.set_faults(faults);
  wire.send("a");
  wire.send("b");
  wire.send("c");
  CHECK(wire.run() == "ab");
}

TEST_CASE("the trace's hash knows the time, the node, the text and the numbers") {
  Scheduler scheduler;
  const auto hash_of = [&scheduler](NodeId node, std::string_view format, int number) {
    Trace trace(scheduler, nullptr);
    trace.event(node, format, number);
    return trace.hash();
  };
  const std::uint64_t hash = hash_of(NodeId(1), "a {}", 1);
  CHECK(hash == hash_of(NodeId(1), "a {}", 1));
  CHECK(hash != hash_of(NodeId(2), "a {}", 1));
  CHECK(hash != hash_of(NodeId(1), "b {}", 1));
  CHECK(hash != hash_of(NodeId(1), "a {}", 2));
  scheduler.run_next(at(seconds(1)));
  CHECK(hash != hash_of(NodeId(1), "a {}", 1));
}

TEST_CASE("a SET with IF that was stored over another revision than it names is found") {
  for (const std::uint64_t other : {2U, 4U}) {
    History history;
    const TimePoint begun(std::chrono::milliseconds(1));
    const TimePoint ended(std::chrono::milliseconds(2));
    const CommittedSet plain{"k", write_name(1, 1), false};
    const CommittedSet conditional{"k", write_name(1, 2), false};
    const auto one = history.invoke_set("k", plain.name, begun);
    const auto two = history.invoke_set("k", conditional.name, begun, LogIndex(1));
    CHECK_FALSE(history.stored(one, LogIndex(other), &plain, ended).has_value());
    CHECK_FALSE(history.stored(two, LogIndex(3), &conditional, ended).has_value());
    CHECK(history.check().has_value() == (other == 2));
  }
}

}  // namespace
}  // namespace strata::sim
