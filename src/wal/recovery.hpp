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
#include "wal/log_state.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal {

// What stands from a place on that holds no valid record of the chain.
struct Tail {
  std::uint64_t end = 0;  // behind the last byte that is not zero
  Position synced;        // the highest synced mark of the valid records in it
};

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
  void take(const Record& record);
  void take_entry(const RecordHeader& header);
  LogIndex least_index() const;
  Result<void> check_close(const Segment& segment, const SegmentHead& next) const;
  Error bad_record(const Segment& segment, const Error& reason) const;
  void report_progress();

  // recovery.cpp: how the log ends, and what it begins with
  Result<void> join_snapshot();
  Term term_at(LogIndex index) const;
  void drop_first();
  Result<void> finish();
  Result<Tail> examine_tail(const Segment& segment) const;
  Result<void> cut(Segment& segment, const Tail& tail);
  void report() const;

  FileSystem& files_;
  Logger& logger_;
  EntryId snapshot_;
  std::unique_ptr<LogState> state_;
  std::optional<Term> base_term_{Term(0)};  // of the entry before the first; nothing: it is not known
  std::uint32_t first_sequence_ = 1;
  bool restarted_ = false;                    // by a record
  Position synced_mark_;                      // the highest of the valid records and heads
  Error end_reason_{ErrorKind::damaged, ""};  // why the last segment's records end where they do
  std::uint64_t total_bytes_ = 0;             // of all segments
  std::uint64_t reported_bytes_ = 0;
};

}  // namespace strata::wal
