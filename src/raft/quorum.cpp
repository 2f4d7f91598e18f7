#include "raft/quorum.hpp"

#include <algorithm>
#include <functional>

#include "base/assert.hpp"

namespace strata::raft {

LogIndex majority_index(std::vector<LogIndex> marks) {
  STRATA_ASSERT(!marks.empty());
  // In falling order, the mark at place majority - 1 is reached by that many members.
  const auto place = marks.begin() + static_cast<std::ptrdiff_t>(majority(marks.size()) - 1);
  std::nth_element(marks.begin(), place, marks.end(), std::greater<>());
  return *place;
}

}  // namespace strata::raft
