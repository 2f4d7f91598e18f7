#include "wal/current_entries.hpp"

#include <algorithm>

namespace strata::wal {

void CurrentEntries::take(Position position, LogIndex index) {
  if (index <= last_) {
    resume(position, index - 1);
  }
  last_ = index;
}

// An earlier override of the same index or a higher one drops nothing that this one does not drop as well.
void CurrentEntries::resume(Position position, LogIndex last) {
  if (last < last_) {
    while (!overrides_.empty() && overrides_.back().index > last) {
      overrides_.pop_back();
    }
    overrides_.push_back({position, last.next()});
  }
  last_ = last;
}

void CurrentEntries::restart(Position position, LogIndex base) {
  overrides_.assign(1, {position, LogIndex(0)});
  last_ = base;
}

bool CurrentEntries::holds(Position position, LogIndex index) const {
  const auto later =
      std::upper_bound(overrides_.begin(), overrides_.end(), position,
                       [](Position place, const Override& override) { return place < override.position; });
  return later == overrides_.end() || index < later->index;
}

}  // namespace strata::wal
