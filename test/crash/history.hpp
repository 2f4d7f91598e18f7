// What a story's log must hold after each of its records, and where these stand: computed from the story alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "crash/story.hpp"
#include "wal/log.hpp"

namespace strata::crash {

struct LogContent {
  EntryId base;                // the entries up to this one are gone, or in a snapshot
  std::vector<Entry> entries;  // from base.index + 1 on

  LogIndex last_index() const { return base.index + entries.size(); }
  // Its term; nothing when the log does not hold it.
  std::optional<Term> term_at(LogIndex index) const;
};

struct RecordPlace {
  wal::Position start;
  wal::Position end;
  EntryId entry;
};

class History {
 public:
  explicit History(const Story& story);

  // In the order in which they are written.
  const std::vector<RecordPlace>& records() const { return records_; }
  // After the first `records` of them.
  const LogContent& after(std::size_t records) const { return contents_[records]; }
  // Where the next record goes then, if it fits.
  wal::Position end_after(std::size_t records) const;
  // Of the story's snapshots, in order.
  const std::vector<EntryId>& snapshots() const { return snapshots_; }

  // Where a record of `size` bytes goes that is written behind `end`.
  static wal::Position place_behind(wal::Position end, std::uint32_t size);

 private:
  void add(const Append& append);
  void add(const InstallSnapshot& install);
  void place(std::uint64_t body_size, EntryId entry);

  std::vector<RecordPlace> records_;
  std::vector<LogContent> contents_{LogContent()};
  std::vector<EntryId> snapshots_;
};

}  // namespace strata::crash
