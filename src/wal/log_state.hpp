// What a log is made of in memory: recovery fills it, the log goes on with it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"
#include "wal/segment.hpp"

namespace strata::wal {

struct LogState {
  LogState(FileSystem& file_system, LogOptions log_options) : files(file_system), options(std::move(log_options)) {}

  FileSystem& files;
  LogOptions options;
  std::uint32_t identity = 0;

  std::vector<Segment> segments;   // never empty
  std::deque<Position> positions;  // of the current entries' records, from first_index on; {0, 0}: missing
  std::set<LogIndex> repaired;     // entries whose records stand out of order, at the end of the log of their time
  LogIndex first_index{1};
  Term last_term;          // of the last entry
  Position end;            // of the records
  std::uint32_t link = 0;  // what the next record's link must be
  bool sealed = false;     // nothing may be written behind `end`, where damage is: the next record begins a segment
  Position synced;         // what is known to be synced without being told
  Position vouched;        // as recovery found it: a record or a head says that the log was synced up to here

  std::deque<std::unique_ptr<PreparedSegment>> prepared;  // the spare; during an append, one for every cut it needs
  std::uint64_t allocated = 0;  // segments made by the log itself; keeps their temporary names apart
  Bytes buffer;                 // encoded records that end at `end`, not yet written

  bool restart_due = false;  // found so by recovery: the log must begin anew behind the snapshot

  Recovered recovered;

  // Every entry is dropped.
  void restart(EntryId base) {
    positions.clear();
    repaired.clear();
    first_index = base.index.next();
    last_term = base.term;
  }
  LogIndex last_index() const { return first_index + positions.size() - 1; }

  // The record at `position` holds entry `index`: it overrides that entry and all behind it.
  void place(LogIndex index, Term term, Position position) {
    positions.resize(index - first_index);
    repaired.erase(repaired.lower_bound(index), repaired.end());
    positions.push_back(position);
    last_term = term;
  }
  // The record at `position` holds the entry `index`, which was missing.
  void fill(LogIndex index, Term term, Position position) {
    positions[index - first_index] = position;
    repaired.insert(index);
    last_term = index == last_index() ? term : last_term;
  }
  Position position_of(LogIndex index) const { return positions[index - first_index]; }
  const Segment& segment(std::uint32_t sequence) const { return segments[sequence - segments.front().head.sequence]; }
};

// Writes everything from `vouched` on once more, as it stands there, and syncs it: after a failed sync the
// kernel may show what never reached the disk, and say at the next sync that all is well (reliability, 2.3 W5).
Result<void> write_tail_again(LogState& state, Logger& logger);

// Opens the log as Log::open promises.
Result<std::unique_ptr<LogState>> recover(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot);

}  // namespace strata::wal
