#include "sim/executor.hpp"

#include <algorithm>

namespace strata::sim {

SimThread::SimThread(Scheduler& scheduler, Random random) : scheduler_(scheduler), random_(random) {}

void SimThread::execute(Task task) {
  if (halted_) {
    return;
  }
  queue_.push_back(std::move(task));
  if (queue_.size() == 1) {
    wake_for_next();
  }
}

void SimThread::wake_for_next() {
  const TimePoint begin = std::max(scheduler_.now(), paused_until_);
  const TimePoint end = begin + service_time_.least + random_.skewed(service_time_.typical);
  scheduler_.at(end, [this, life = life_] { wake(life); });
}

void SimThread::wake(std::uint64_t life) {
  if (life != life_) {
    return;
  }
  if (paused_until_ > scheduler_.now()) {
    scheduler_.at(paused_until_, [this, life] { wake(life); });
    return;
  }
  {
    // It stays at the front until it has run, so that what it posts to its own thread waits for its own turn.
    Task task = std::move(queue_.front());
    task();
  }
  if (life == life_) {
    queue_.pop_front();
    if (!queue_.empty()) {
      wake_for_next();
    }
  }
  if (after_each_) {
    after_each_();
  }
}

void SimThread::pause_until(TimePoint when) {
  paused_until_ = std::max(paused_until_, when);
}

void SimThread::hurry() {
  paused_until_ = TimePoint();
  ++life_;  // the wake-up that was to come comes too late
  if (!queue_.empty()) {
    wake_for_next();
  }
}

void SimThread::halt() {
  halted_ = true;
  ++life_;
  paused_until_ = TimePoint();
  // Their destructors unwind coroutines, which comes back here by execute().
  const std::deque<Task> dropped = std::exchange(queue_, {});
}

}  // namespace strata::sim
