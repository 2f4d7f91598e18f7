// The mailbox of an actor: bounded, lock-free, many producers, one consumer, drained in batches.
//
// One atomic word holds the whole state: empty, parked (the consumer waits), closed, or the newest message of a chain
// that leads to the oldest. A post is one compare-exchange; taking everything is one too. (Learnt from CAF's LIFO
// inbox; the bounds are ours.)
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"

namespace strata::actors {

// What a mailbox holds at most. One message is always accepted when it is empty, so that nothing waits for ever.
struct MailboxLimits {
  std::size_t messages = 4096;
  std::size_t bytes = 64 << 20;
};

// What waits in a mailbox, and what it holds at most.
struct MailboxLoad {
  std::size_t messages = 0;
  std::size_t bytes = 0;
  MailboxLimits limits;
};

enum class PostResult { accepted, full, closed };

template <class Message>
class Mailbox {
  // A link of the chain. The marks `parked_` and `close_` are bare links: they carry no message.
  struct Link {
    Link* next = nullptr;
  };
  struct Node : Link {
    std::size_t bytes = 0;
    Message message;
    Node(std::size_t size, Message&& content) : bytes(size), message(std::move(content)) {}
  };

 public:
  // Messages in the order in which they were posted (each producer's in its own order). Owned by the consumer.
  class Batch {
   public:
    class iterator {
     public:
      using value_type = Message;
      using difference_type = std::ptrdiff_t;
      explicit iterator(Link* link) : link_(link) {}
      Message& operator*() const { return static_cast<Node*>(link_)->message; }
      iterator& operator++() {
        link_ = link_->next;
        return *this;
      }
      bool operator==(const iterator&) const = default;

     private:
      Link* link_;
    };

    Batch() = default;
    Batch(Batch&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
    Batch& operator=(Batch&& other) noexcept {
      std::swap(first_, other.first_);
      return *this;
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
      while (first_ != nullptr) {
        delete static_cast<Node*>(std::exchange(first_, first_->next));
      }
    }

    bool empty() const { return first_ == nullptr; }
    iterator begin() const { return iterator(first_); }
    iterator end() const { return iterator(nullptr); }

   private:
    friend class Mailbox;
    explicit Batch(Link* first) : first_(first) {}
    Link* first_ = nullptr;
  };

  // The consumer's coroutine runs on `consumer`.
  Mailbox(boost::asio::any_io_executor consumer, MailboxLimits limits)
      : executor_(std::move(consumer)), limits_(limits) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  // Nobody posts or waits any more. Messages that were not received are dropped.
  ~Mailbox() {
    STRATA_ASSERT(head_.load(std::memory_order_acquire) != parked());
    Batch dropped = take();
  }

  // Any thread; never blocks. `bytes` is about what the message holds in memory. Unless it is accepted, `message` is
  // left as it was.
  PostResult post(Message&& message, std::size_t bytes) {
    if (rarely(RareWay::mailbox_is_full) || !reserve(bytes)) {
      sometimes(Mark::mailbox_full);
      return closed() ? PostResult::closed : PostResult::full;
    }
    return push(std::move(message), bytes);
  }

  // The same without a bound, for what must not be refused: an answer that the receiver asked for, or work whose amount
  // is bounded where it began. Accepted or closed.
  PostResult post_owed(Message&& message, std::size_t bytes) {
    messages_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return push(std::move(message), bytes);
  }

  // Any thread, any number of times. What was posted before is still received; later posts are refused.
  void close() {
    // relaxed: only makes sure that one caller goes on; the order comes from head_.
    if (closing_.test_and_set(std::memory_order_relaxed)) {
      return;
    }
    Link* seen = head_.load(std::memory_order_acquire);
    do {
      close_.next = seen == parked() ? nullptr : seen;
    } while (!head_.compare_exchange_weak(seen, &close_, std::memory_order_acq_rel, std::memory_order_acquire));
    if (seen == parked()) {
      wake();
    }
  }

  // The consumer only, one at a time. Waits until there is something and takes all of it. An empty batch: the mailbox
  // is closed and everything has been received.
  boost::asio::awaitable<Batch> receive() {
    for (;;) {
      Batch batch = take();
      if (!batch.empty()) {
        co_return batch;
      }
      if (closed()) {
        // Taken once more: something may have come between the look and the close.
        co_return take();
      }
      co_await park();
    }
  }

  // The consumer only: what there is now, perhaps nothing.
  Batch take() {
    // acquire: the content of every node in the chain was released by its producer (a chain of releases: each CAS reads
    // from the one before it).
    Link* newest = head_.load(std::memory_order_acquire);
    do {
      if (newest == nullptr || newest == parked()) {
        return Batch();
      }
      if (newest == &close_) {
        return to_batch(std::exchange(close_.next, nullptr));
      }
    } while (!head_.compare_exchange_weak(newest, nullptr, std::memory_order_acquire, std::memory_order_acquire));
    return to_batch(newest);
  }

  bool closed() const { return head_.load(std::memory_order_acquire) == &close_; }

  // Any thread; a moment later it is another.
  MailboxLoad load() const {
    // relaxed: nothing hangs on the two agreeing.
    return {messages_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed), limits_};
  }

 private:
  struct Park {
    template <class Handler>
    void operator()(Handler&& handler, Mailbox* self) const {
      self->waiter_.emplace(std::forward<Handler>(handler));
      self->work_ = boost::asio::prefer(self->executor_, boost::asio::execution::outstanding_work.tracked);
      Link* expected = nullptr;
      // release: the poster that finds the mark reads waiter_.
      if (!self->head_.compare_exchange_strong(expected, self->parked(), std::memory_order_release,
                                               std::memory_order_relaxed)) {
        self->wake();
      }
    }
  };

  // What use_awaitable makes of a waiting coroutine. (any_completion_handler of Boost 1.81 recurses without end when it
  // is moved into a posted function: its converting constructor takes its own copies.)
  using Waiter = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

  boost::asio::awaitable<void> park() {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(Park(), boost::asio::use_awaitable,
                                                                                     this);
  }

  PostResult push(Message&& message, std::size_t bytes) {
    auto* node = new Node(bytes, std::move(message));
    // acquire: whoever finds the consumer parked goes on to read waiter_, which the consumer wrote before it parked.
    Link* seen = head_.load(std::memory_order_acquire);
    do {
      if (seen == &close_) {
        message = std::move(node->message);
        delete node;
        release(1, bytes);
        return PostResult::closed;
      }
      node->next = seen == parked() ? nullptr : seen;
      // release: the consumer that takes the node sees its content. acquire: as above.
    } while (!head_.compare_exchange_weak(seen, node, std::memory_order_acq_rel, std::memory_order_acquire));
    if (seen == parked()) {
      wake();
    }
    return PostResult::accepted;
  }

  // Exactly one thread gets here for each parking: the one that replaced the mark (or the consumer, when it could not
  // set it).
  void wake() {
    Waiter waiter = std::move(*waiter_);
    waiter_.reset();
    const boost::asio::any_io_executor work = std::exchange(work_, {});
    boost::asio::post(work, std::move(waiter));
  }

  // relaxed throughout: the counters bound memory and order nothing; a racing pair may both be refused near the limit.
  bool reserve(std::size_t bytes) {
    const std::size_t messages_before = messages_.fetch_add(1, std::memory_order_relaxed);
    const std::size_t bytes_before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
    const bool fits = messages_before < limits_.messages && bytes_before + bytes <= limits_.bytes;
    if (fits || messages_before == 0) {
      return true;
    }
    release(1, bytes);
    return false;
  }
  void release(std::size_t messages, std::size_t bytes) {
    messages_.fetch_sub(messages, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  // The chain runs from the newest to the oldest.
  Batch to_batch(Link* newest) {
    Link* first = nullptr;
    std::size_t messages = 0;
    std::size_t bytes = 0;
    while (newest != nullptr) {
      ++messages;
      bytes += static_cast<Node*>(newest)->bytes;
      Link* older = newest->next;
      newest->next = first;
      first = std::exchange(newest, older);
    }
    release(messages, bytes);
    return Batch(first);
  }

  Link* parked() { return &parked_; }

  boost::asio::any_io_executor executor_;
  MailboxLimits limits_;
  std::optional<Waiter> waiter_;
  boost::asio::any_io_executor work_;  // while parked: the executor has work to come and does not run out
  Link close_;
  Link parked_;
  std::atomic_flag closing_ = ATOMIC_FLAG_INIT;
  alignas(64) std::atomic<Link*> head_ = nullptr;
  alignas(64) std::atomic<std::size_t> messages_ = 0;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace strata::actors
