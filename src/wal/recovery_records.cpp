#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/sometimes.hpp"
#include "wal/recovery.hpp"

namespace strata::wal {

static constexpr std::size_t read_chunk = 1 << 20;

Result<void> Recovery::read_segments() {
  const std::vector<Segment>& segments = state_->segments;
  const SegmentHead& first = segments.front().head;
  state_->restart({first.last_index, first.last_term});
  base_term_ = first.last_term;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentHead* next = i + 1 < segments.size() ? &segments[i + 1].head : nullptr;
    if (auto read = read_segment(segments[i], next); !read) {
      return read;
    }
  }
  return {};
}

// Reads the records of a segment: of all but the last one the next one's head says where they end.
Result<void> Recovery::read_segment(const Segment& segment, const SegmentHead* next) {
  state_->end = Position{segment.head.sequence, segment_head_size};
  state_->link = segment.checksum;
  synced_mark_ = std::max(synced_mark_, state_->end);
  SegmentReader reader(segment, read_chunk);
  while (next == nullptr || state_->end.offset < next->previous_end) {
    const Result<Record> record = next_record(reader);
    if (record) {
      take(*record);
      continue;
    }
    if (record.error().kind == ErrorKind::io) {
      return record.error();
    }
    if (next != nullptr || record.error().kind != ErrorKind::damaged) {
      return bad_record(segment, record.error());
    }
    end_reason_ = record.error();
    return {};
  }
  return check_close(segment, *next);
}

Result<Record> Recovery::next_record(SegmentReader& reader) const {
  Result<Record> record = reader.record(state_->end.offset);
  if (record && record->header.link != state_->link) {
    return Error{ErrorKind::damaged, "the record does not follow the one before it"};
  }
  if (record && !follows(record->header)) {
    return Error{ErrorKind::damaged, fmt::format("the record's index is {}", record->header.index)};
  }
  return record;
}

bool Recovery::follows(const RecordHeader& header) const {
  switch (header.type) {
    case RecordType::entry:
      return header.index >= least_index() && header.index <= state_->last_index().next();
    case RecordType::repair:
      return is_repaired_in_vain(header);
    default:
      return true;
  }
}

// All before it was read, so what could not be read when it was repaired can be again: the same entry stands there, or
// went with what a snapshot released.
bool Recovery::is_repaired_in_vain(const RecordHeader& header) const {
  if (header.index < state_->first_index) {
    return true;
  }
  const std::vector<TermRun>& runs = state_->recovered.term_runs;
  const auto behind = std::ranges::upper_bound(runs, header.index, {}, &TermRun::first);
  return header.index <= state_->last_index() && behind != runs.begin() && std::prev(behind)->term == header.term;
}

void Recovery::take(const Record& record) {
  const RecordHeader& header = record.header;
  Recovered& found = state_->recovered;
  if (header.type == RecordType::restart) {
    sometimes(Mark::restart_record_read);
    state_->restart({header.index, header.term});
    base_term_ = header.term;
    restarted_ = true;
    found.term_runs.clear();
  } else if (header.type == RecordType::entry) {
    take_entry(header);
  }
  state_->link = record.checksum;
  state_->end.offset += static_cast<std::uint32_t>(record.size);
  synced_mark_ = std::max(synced_mark_, header.marks.synced);
  found.commit_index = std::max(found.commit_index, header.marks.commit_index);
  found.records += 1;
  found.bytes += record.size;
  report_progress();
}

// An override may reach back before the first entry that is left: the entries between were in segments that are gone.
void Recovery::take_entry(const RecordHeader& header) {
  std::vector<TermRun>& runs = state_->recovered.term_runs;
  if (header.index < state_->first_index) {
    state_->positions.clear();
    state_->first_index = header.index;
    base_term_.reset();
  }
  state_->place(header.index, header.term, header.position);
  while (!runs.empty() && runs.back().first >= header.index) {
    runs.pop_back();
  }
  if (runs.empty() || runs.back().term != header.term) {
    runs.push_back(TermRun{header.term, header.index});
  }
}

// An entry's index is at least this.
LogIndex Recovery::least_index() const {
  const bool may_reach_back = !restarted_ && first_sequence_ > 1;
  return may_reach_back ? LogIndex(1) : state_->first_index;
}

Result<void> Recovery::check_close(const Segment& segment, const SegmentHead& next) const {
  if (state_->end.offset == next.previous_end && state_->link == next.previous_link &&
      state_->last_index() == next.last_index && state_->last_term == next.last_term) {
    return {};
  }
  return bad_record(segment, {ErrorKind::damaged, "the next segment was begun behind other records than these"});
}

// The index is the bad record's own if its header can be read, else the one that was to be expected.
Error Recovery::bad_record(const Segment& segment, const Error& reason) const {
  SegmentReader reader(segment, record_header_size);
  const Result<CheckedHeader> header = reader.header(state_->end.offset);
  return damage_at(segment.path, state_->end.offset, header ? header->header.index : state_->last_index().next(),
                   reason);
}

void Recovery::report_progress() {
  const std::uint64_t done = state_->recovered.bytes;
  if (done - reported_bytes_ >= state_->options.progress_every) {
    reported_bytes_ = done;
    logger_.info("log: {} of at most {} MiB read, {} records", done >> 20, total_bytes_ >> 20,
                 state_->recovered.records);
  }
}

}  // namespace strata::wal
