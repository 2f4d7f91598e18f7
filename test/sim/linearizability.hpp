// Is the history of one register linearizable? Every written value is unique, which makes it a question of sorting
// (Gibbons and Korach, "Testing shared memories", 1997), not of search.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace strata::sim {

struct RegisterOperation {
  bool write = false;
  std::uint64_t value = 0;  // written or read; 0: what the register held at first, never written
  TimePoint invoked;
  TimePoint completed = TimePoint::max();  // max: unknown whether and when it took effect; writes only
};

// One operation is before another when it was completed at an earlier time than the other was invoked.
bool is_linearizable(const std::vector<RegisterOperation>& history);

}  // namespace strata::sim
