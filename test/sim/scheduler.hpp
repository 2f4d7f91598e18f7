// Virtual time: one queue of functions, ordered by the time at which they are due and then by the order in which they
// were asked for. Nothing else decides what happens next.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "sim/task.hpp"

namespace strata::sim {

class Scheduler {
 public:
  TimePoint now() const { return now_; }
  std::uint64_t steps() const { return steps_; }
  bool idle() const { return heap_.empty(); }

  // Not earlier than now: a time that has passed means now.
  void at(TimePoint when, Task task);
  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }

  // Runs the next function, unless it is due after `end`: then time goes on to `end`, and false is returned.
  bool run_next(TimePoint end);

 private:
  struct Due {
    TimePoint when;
    std::uint64_t order;
    std::uint32_t slot;
    bool operator<(const Due& other) const {  // the heap has the greatest on top
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  TimePoint now_;
  std::uint64_t steps_ = 0;
  std::uint64_t last_order_ = 0;
  std::vector<Due> heap_;
  std::vector<Task> tasks_;  // by slot: the heap moves small things only
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace strata::sim
