// Which records of a log hold its current entries, in memory that grows with the overrides and not with the log: a
// record holds its entry as long as no later one has the same index or a lower one.
#pragma once

#include <vector>

#include "base/ids.hpp"
#include "wal/log.hpp"

namespace strata::wal {

class CurrentEntries {
 public:
  // The records of the log, in order.
  void take(Position position, LogIndex index);
  // At `position` the log's last entry is `last`, whatever was read before.
  void resume(Position position, LogIndex last);
  // No record before `position` holds any more; the log goes on behind `base`.
  void restart(Position position, LogIndex base);

  // Once all records were taken: whether the one at `position` holds entry `index`.
  bool holds(Position position, LogIndex index) const;

 private:
  struct Override {
    Position position;
    LogIndex index;  // drops this entry and all behind it, of the records before
  };
  std::vector<Override> overrides_;  // each drops less than the ones before it have dropped
  LogIndex last_;
};

}  // namespace strata::wal
