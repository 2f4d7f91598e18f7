// A simulated thread, and the executor by which Asio's coroutines run on it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <type_traits>
#include <utility>

#include "sim/random.hpp"
#include "sim/scheduler.hpp"

namespace strata::sim {

// How long a function takes: `least`, and drawn on top of it something around `typical`. What a function does, it does
// at the end of that time: so a thread that blocks on a slow disk is one whose functions take long.
struct ServiceTime {
  Duration least{};
  Duration typical{};
};

class SimExecutor;

// Runs one function at a time, in the order in which they came.
class SimThread {
 public:
  SimThread(Scheduler& scheduler, Random random);
  SimThread(const SimThread&) = delete;
  SimThread& operator=(const SimThread&) = delete;

  SimExecutor executor();
  // Dropped when the thread is halted.
  void execute(Task task);

  // From the next function on.
  void set_service_time(ServiceTime time) { service_time_ = time; }
  // Nothing runs before `when`.
  void pause_until(TimePoint when);
  // Ends a pause, and what is under way takes as long as it would if it began now.
  void hurry();
  // Called after each function.
  void set_after_each(std::function<void()> after_each) { after_each_ = std::move(after_each); }

  // The process is killed: what waits is destroyed without having run, and so is everything that comes.
  void halt();
  // A new process: functions are taken again.
  void resume() { halted_ = false; }
  bool halted() const { return halted_; }

 private:
  friend class SimExecutor;
  void wake_for_next();
  void wake(std::uint64_t life);

  Scheduler& scheduler_;
  Random random_;
  boost::asio::execution_context context_;
  std::deque<Task> queue_;
  ServiceTime service_time_;
  TimePoint paused_until_;
  std::function<void()> after_each_;
  std::uint64_t life_ = 0;  // wake-ups of an earlier one are void
  bool halted_ = false;
};

// Satisfies Asio's requirements of an executor, never blocks. The thread outlives it.
class SimExecutor {
 public:
  explicit SimExecutor(SimThread& thread) : thread_(&thread) {}

  boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept { return thread_->context_; }
  static constexpr boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  SimExecutor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }

  bool operator==(const SimExecutor&) const noexcept = default;

  template <class Function>
  void execute(Function&& function) const {
    thread_->execute(Task(std::forward<Function>(function)));
  }

 private:
  SimThread* thread_;
};

inline SimExecutor SimThread::executor() {
  return SimExecutor(*this);
}

}  // namespace strata::sim
