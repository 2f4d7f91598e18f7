// The part of an inspection that reads the log. For inspection.cpp and log_reading*.cpp alone; all others call
// inspect().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/forgiving_file.hpp"
#include "wal/inspection.hpp"

namespace strata::wal {

// A segment's file and what its head says.
struct SegmentFile {
  std::string name;
  std::string path;
  std::uint32_t sequence = 0;
  std::uint64_t size = 0;
  std::optional<CheckedHead> head;       // nothing: it is bad
  Error reason{ErrorKind::damaged, {}};  // why; damaged or mismatch
};

// Looks at every head. Errors: io.
Result<std::vector<SegmentFile>> list_segments(ReadOnlyFiles& files, const std::string& directory,
                                               const std::vector<std::string>& names);

// Counts a finding and hands it on. Of the log's: LogReading::note.
void report(Inspection& found, InspectionVisitor& visitor, const Finding& finding);

struct KnownOfLog {
  Position synced;                 // it was on stable storage up to here
  bool only_process_died = false;  // see LogOptions
};

class LogReading {
 public:
  // `found` has owner and snapshots already. `known`: what is known of the log from elsewhere.
  LogReading(ReadOnlyFiles& files, Inspection& found, InspectionVisitor& visitor, const KnownOfLog& known)
      : files_(files), found_(found), visitor_(visitor), known_(known), synced_(known.synced) {}

  // In order, at least one. Fills what an Inspection says of the log.
  Result<void> read(std::vector<SegmentFile> segments);

 private:
  // log_reading.cpp: from segment to segment
  void refuse_strangers(std::vector<SegmentFile>& segments) const;
  void begin_log(const SegmentFile& first);
  void note_missing(const SegmentFile& before, const SegmentFile& behind);
  void begin_segment(const SegmentFile& file);
  void join_segments(const SegmentFile& file);
  Segment segment_of(const SegmentFile& file) const;
  Result<void> read_segment(const SegmentFile& file, const SegmentFile* next, bool last);
  void finish();
  void join_snapshot();

  // log_reading_records.cpp: the records of one segment
  Result<void> read_records(const Segment& segment, std::optional<std::uint64_t> end, bool last);
  Result<bool> read_record(const Segment& segment, SegmentReader& reader, const CheckedHeader& header, bool last);
  Result<bool> skip(const Segment& segment, std::optional<std::uint64_t> end, bool last, const Error& reason);
  Result<bool> ends_here(const Segment& segment, const Error& reason);
  std::optional<Error> break_before(const RecordHeader& header) const;
  void take(const CheckedHeader& header);
  void take_entry(const RecordHeader& header);

  // log_reading_findings.cpp: what is bad, and which entries that concerns
  void note(const Finding& finding);
  void note_unreadable(bool last);
  bool is_repaired(const Finding& finding, LogIndex index) const;
  bool is_missing(const Finding& finding, LogIndex index) const;
  void report_all();
  Finding finding_here(Verdict verdict, std::uint64_t length, std::string reason) const;
  void settle(EntryId known, LogIndex last);
  void settle_nothing();
  void settle_unknown();

  ReadOnlyFiles& files_;
  Inspection& found_;
  InspectionVisitor& visitor_;

  std::string file_;  // the segment's that is being read
  std::shared_ptr<ForgivingFile> reading_;
  Position end_;                       // of what was read
  std::optional<std::uint32_t> link_;  // what the next record's link must be; nothing: it is not known
  EntryId last_;                       // of the log up to here
  std::optional<Term> base_term_;      // of the entry before the first; nothing: it is not known
  std::optional<Term> snapshot_term_;  // of the entry with the newest snapshot's index
  LogIndex commit_index_;              // as the records up to here say: later it is no word on what was overridden
  KnownOfLog known_;
  bool may_reach_back_ = false;  // an override may stand before the first entry
  Position synced_;              // the highest mark of the metadata, the good headers and heads
  // Once known, synced_ holds the marks of the whole last segment: where it becomes zero, and its last good header.
  std::optional<std::uint64_t> tail_end_;
  std::uint64_t last_header_ = 0;
  std::vector<Finding> noted_;            // to be reported once it is known what was repaired
  std::map<LogIndex, Position> repairs_;  // the newest of each entry
  std::vector<Finding> unsettled_;        // which entries they concern is known by what comes next
};

}  // namespace strata::wal
