// Majorities.
#pragma once

#include <cstddef>
#include <vector>

#include "base/ids.hpp"

namespace strata::raft {

// The smallest number of members that any two sets of that size share one of.
constexpr std::size_t majority(std::size_t members) {
  return members / 2 + 1;
}

// The greatest index that a majority of `marks` (one for each member) has reached.
LogIndex majority_index(std::vector<LogIndex> marks);

}  // namespace strata::raft
