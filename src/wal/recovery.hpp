// One opening of a log. For recovery*.cpp alone; all others call recover() (wal/log_state.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wal/holed_log.hpp"
#include "wal/inspection.hpp"
#include "wal/log_reading.hpp"
#include "wal/log_state.hpp"
#include "wal/record.hpp"
#include "wal/record_search.hpp"
#include "wal/segment.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal {

// One opening of the log, from the listing of the directory to a state that may be appended to.
class Recovery {
 public:
  Recovery(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot)
      : files_(files),
        logger_(logger),
        snapshot_(snapshot),
        state_(std::make_unique<LogState>(files, std::move(options))) {}

  Result<std::unique_ptr<LogState>> run();

 private:
  const LogOptions& options() const { return state_->options; }

  // recovery_segments.cpp: the directory, and the heads of the segments
  Result<void> open_segments(const std::vector<std::string>& names);
  Result<void> open_segment(std::uint32_t sequence);
  Result<void> read_head(Segment& segment, std::uint32_t sequence) const;
  Result<void> check_head(const Segment& segment) const;
  Error bad_head(const Segment& segment, std::uint32_t sequence, const Error& reason) const;
  Result<void> tidy_directory(const std::vector<std::string>& names);
  Result<void> create_first();

  // recovery_records.cpp: the records of all segments, in order
  Result<void> read_segments();
  Result<void> read_segment(const Segment& segment, const SegmentHead* next);
  Result<Record> next_record(SegmentReader& reader) const;
  bool follows(const RecordHeader& header) const;
  bool is_repaired_in_vain(const RecordHeader& header) const;
  void take(const Record& record);
  void take_entry(const RecordHeader& header);
  LogIndex least_index() const;
  Result<void> check_close(const Segment& segment, const SegmentHead& next) const;
  Error bad_record(const Segment& segment, const Error& reason) const;
  void report_progress();

  // recovery_damaged.cpp: a damaged log, of which others hold the same entries
  Result<void> read_on(const Error& reason);
  Result<void> take_segments(const std::vector<SegmentFile>& found);
  Result<void> take_segment(const SegmentFile& found);
  Result<void> take_entries(HoledLog& log, const Inspection& found);
  Result<void> end_log(const HoledLog& log, const Inspection& found);
  void report_damage(const HoledLog& log);

  // recovery.cpp: how the log ends, and what it begins with
  Result<void> read_strictly(const std::vector<std::string>& names);
  Result<void> examine_end(Tail& tail);
  Result<void> join_snapshot();
  Term term_at(LogIndex index) const;
  void drop_first();
  Result<void> finish(const Tail& tail);
  Result<void> cut(Segment& segment, const Tail& tail);
  void report() const;

  FileSystem& files_;
  Logger& logger_;
  EntryId snapshot_;
  std::unique_ptr<LogState> state_;
  std::optional<Term> base_term_{Term(0)};  // of the entry before the first; nothing: it is not known
  std::uint32_t first_sequence_ = 1;
  bool restarted_ = false;                    // by a record
  Position synced_mark_;                      // the highest known: of the options, the valid records and the heads
  Error end_reason_{ErrorKind::damaged, ""};  // why the last segment's records end where they do
  bool may_read_on_ = false;                  // what failed was reading, of what is there
  std::uint64_t total_bytes_ = 0;             // of all segments
  std::uint64_t reported_bytes_ = 0;
};

}  // namespace strata::wal
