#include "sim/scheduler.hpp"

#include <algorithm>

namespace strata::sim {

void Scheduler::at(TimePoint when, Task task) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(tasks_.size());
    tasks_.push_back(std::move(task));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    tasks_[slot] = std::move(task);
  }
  heap_.push_back({std::max(when, now_), ++last_order_, slot});
  std::push_heap(heap_.begin(), heap_.end());
}

bool Scheduler::run_next(TimePoint end) {
  if (heap_.empty() || heap_.front().when > end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end());
  const Due due = heap_.back();
  heap_.pop_back();
  now_ = due.when;
  ++steps_;
  Task task = std::move(tasks_[due.slot]);
  free_slots_.push_back(due.slot);
  task();
  return true;
}

}  // namespace strata::sim
