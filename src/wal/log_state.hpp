// What a log is made of in memory: recovery fills it, the log goes on with it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
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
  std::deque<Position> positions;  // of the current entries' records, from first_index on
  LogIndex first_index{1};
  Term last_term;          // of the last entry
  Position end;            // of the records
  std::uint32_t link = 0;  // what the next record's link must be
  Position synced;         // what is known to be synced without being told

  std::deque<std::unique_ptr<PreparedSegment>> prepared;  // the spare; during an append, one for every cut it needs
  std::uint64_t allocated = 0;  // segments made by the log itself; keeps their temporary names apart
  Bytes buffer;                 // encoded records that end at `end`, not yet written

  bool restart_due = false;  // found so by recovery: the log must begin anew behind the snapshot

  Recovered recovered;

  // Every entry is dropped.
  void restart(EntryId base) {
    positions.clear();
    first_index = base.index.next();
    last_term = base.term;
  }
  LogIndex last_index() const { return first_index + positions.size() - 1; }

  // The record at `position` holds entry `index`: it overrides that entry and all behind it.
  void place(LogIndex index, Term term, Position position) {
    positions.resize(index - first_index);
    positions.push_back(position);
    last_term = term;
  }
  const Segment& segment(std::uint32_t sequence) const { return segments[sequence - segments.front().head.sequence]; }
};

// Opens the log as Log::open promises.
Result<std::unique_ptr<LogState>> recover(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot);

}  // namespace strata::wal
