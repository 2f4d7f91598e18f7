// What a first reading of the directory tells a salvage: what is damaged, what was repaired, how large the segments
// are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "wal/inspection.hpp"

namespace strata::wal_tool {

// Entries that stand behind their place in the log, as they were repaired.
struct Repair {
  wal::Position position;
  Entry entry;
};
using Repairs = std::map<LogIndex, Repair>;

// Says every finding on standard error.
class Survey final : public wal::InspectionVisitor {
 public:
  void on_record(const wal::Segment& segment, const wal::Record& record) override;
  void on_finding(const wal::Finding& finding) override;

  // Of the segments to be made: that of the largest which holds a record, from 64 KiB to 64 MiB. A record that needs
  // more gets a segment of its own.
  std::uint64_t segment_size() const;

  // The first index behind `base` whose entry is damaged, or may be; nothing when all that hold are there. What a later
  // record has overridden is no loss.
  std::optional<LogIndex> first_damaged(const wal::Inspection& found, LogIndex base) const;
  // Whether there may have been entries behind the last one that is known of.
  bool is_end_unknown(const wal::Inspection& found) const;

  // Whether a newer version of Strata has written term and vote.
  bool has_newer_metadata() const { return has_newer_metadata_; }

  // Up to which index the newest snapshot that cannot be read reached; 0: all can be.
  LogIndex lost_snapshot() const { return lost_snapshot_; }

  // Of entries that hold.
  Repairs take_repairs(const wal::Inspection& found);

 private:
  struct Damage {
    wal::Position position;
    LogIndex first;
    LogIndex last;  // 0: it is not known how far it reaches
  };

  std::vector<Damage> damages_;
  Repairs repairs_;
  LogIndex lost_snapshot_;
  bool has_newer_metadata_ = false;
  std::uint64_t segment_size_ = 0;
};

}  // namespace strata::wal_tool
