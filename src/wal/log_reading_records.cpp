#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/log_reading.hpp"
#include "wal/record_search.hpp"

namespace strata::wal {

static constexpr std::size_t read_chunk = 1 << 20;

// `end`: where the records end, as the next segment's head says; nothing: it is not known.
Result<void> LogReading::read_records(const Segment& segment, std::optional<std::uint64_t> end, bool last) {
  SegmentReader reader(segment, read_chunk);
  tail_end_.reset();
  bool goes_on = true;
  while (goes_on && end_.offset < end.value_or(segment.file_size)) {
    Result<CheckedHeader> header = reader.header(end_.offset);
    if (header && header->header.index == LogIndex(0) && header->header.type == RecordType::entry) {
      header = Error{ErrorKind::damaged, "the record's index is 0"};
    }
    const Result<bool> done =
        header ? read_record(segment, reader, *header, last) : skip(segment, end, last, header.error());
    if (!done) {
      return done.error();
    }
    goes_on = *done;
  }
  return {};
}

// A record with a good header. False: the log ends before it.
Result<bool> LogReading::read_record(const Segment& segment, SegmentReader& reader, const CheckedHeader& header,
                                     bool last) {
  const std::uint64_t size = record_size(header.header.body_size);
  const Result<Record> record = reader.record(end_.offset);
  const std::optional<Error> broken = break_before(header.header);
  if (last && (broken || !record)) {
    const Result<bool> ended = ends_here(segment, broken ? *broken : record.error());
    if (!ended || *ended) {
      return ended ? Result<bool>(false) : ended;
    }
  }
  if (broken) {
    unsettled_.push_back(finding_here(Verdict::damaged, 0, broken->text));
  }
  if (header.header.type == RecordType::restart) {
    settle_nothing();
  } else if (header.header.type == RecordType::entry) {
    settle({header.header.index, header.header.term}, header.header.index - 1);
  }
  if (record) {
    found_.records += 1;
    found_.bytes += size;
    visitor_.on_record(segment, *record);
  } else {
    Finding finding = finding_here(Verdict::damaged, size, record.error().text);
    finding.first = finding.last = header.header.index;
    finding.term = header.header.term;
    note(finding);
    if (header.header.type == RecordType::entry) {
      visitor_.on_known_end({header.header.index, header.header.term});
    }
  }
  take(header);
  return true;
}

// No good header stands here: goes on to the next one. False: the records end here.
Result<bool> LogReading::skip(const Segment& segment, std::optional<std::uint64_t> end, bool last,
                              const Error& reason) {
  const bool refused = reason.kind == ErrorKind::mismatch;
  if (last && !refused) {
    const Result<bool> ended = ends_here(segment, reason);
    if (!ended || *ended) {
      return ended ? Result<bool>(false) : ended;
    }
  }
  const std::uint64_t limit = end.value_or(segment.file_size);
  const auto next = find_header(segment, end_.offset + record_alignment, limit);
  if (!next) {
    return next.error();
  }
  std::uint64_t behind = *next ? (*next)->offset : limit;
  if (!*next && !end) {
    const Result<Tail> tail = examine_tail(segment, end_.offset);
    const bool readable = !reading_->is_unreadable(end_.offset, end_.offset + record_header_size);
    if (!tail || (readable && tail->end == end_.offset)) {
      return tail ? Result<bool>(false) : tail.error();
    }
    behind = std::max(tail->end, reading_->unreadable_end());
  }
  unsettled_.push_back(finding_here(refused ? Verdict::refused : Verdict::damaged, behind - end_.offset, reason.text));
  link_.reset();
  end_.offset = static_cast<std::uint32_t>(behind);
  return *next || end;
}

// In the last segment, at a place where no good record of the chain stands: whether the log ends here, torn or not.
// What cannot be read behind it may have been anything, a synced mark beyond this place as well.
Result<bool> LogReading::ends_here(const Segment& segment, const Error& reason) {
  if (!tail_end_) {
    const Result<Tail> tail = examine_tail(segment, end_.offset);
    if (!tail) {
      return tail.error();
    }
    synced_ = std::max(synced_, tail->synced);
    tail_end_ = tail->end;
    last_header_ = tail->last_header;
  }
  const bool unreadable_behind = reading_->unreadable_end() > end_.offset;
  if (end_ < synced_ || unreadable_behind || (known_.only_process_died && last_header_ > end_.offset)) {
    return false;
  }
  if (*tail_end_ > end_.offset) {
    Finding torn = finding_here(Verdict::torn, *tail_end_ - end_.offset, reason.text);
    torn.first = last_.index.next();
    found_.torn_bytes = torn.length;
    settle_unknown();
    note(torn);
  }
  return true;
}

// Why the record does not follow what was read before.
std::optional<Error> LogReading::break_before(const RecordHeader& header) const {
  if (link_ && header.link != *link_) {
    return Error{ErrorKind::damaged, "the record does not follow the one before it"};
  }
  const LogIndex least = may_reach_back_ ? LogIndex(1) : found_.first_index;
  if (unsettled_.empty() && header.type == RecordType::entry &&
      (header.index < least || header.index > last_.index.next())) {
    return Error{ErrorKind::damaged,
                 fmt::format("the record's index is {}, the last one was {}", header.index, last_.index)};
  }
  return std::nullopt;
}

void LogReading::take(const CheckedHeader& checked) {
  const RecordHeader& header = checked.header;
  switch (header.type) {
    case RecordType::restart:
      found_.current.restart(header.position, header.index);
      found_.first_index = header.index.next();
      base_term_ = header.term;
      snapshot_term_.reset();
      may_reach_back_ = false;
      commit_index_ = std::max(commit_index_, header.index);
      last_ = {header.index, header.term};
      break;
    case RecordType::repair:
      repairs_[header.index] = header.position;
      snapshot_term_ = header.index == found_.snapshot().index ? std::optional(header.term) : snapshot_term_;
      break;
    case RecordType::entry:
      take_entry(header);
      last_ = {header.index, header.term};
      break;
  }
  link_ = checked.checksum;
  synced_ = std::max(synced_, header.marks.synced);
  commit_index_ = std::max(commit_index_, header.marks.commit_index);
  end_.offset += static_cast<std::uint32_t>(record_size(header.body_size));
  found_.sound_end = end_;
  found_.sound_link = checked.checksum;
}

void LogReading::take_entry(const RecordHeader& header) {
  if (header.index < found_.first_index) {
    found_.first_index = header.index;
    base_term_.reset();
  }
  found_.current.take(header.position, header.index);
  const LogIndex in_snapshot = found_.snapshot().index;
  if (header.index == in_snapshot) {
    snapshot_term_ = header.term;
  } else if (header.index < in_snapshot) {
    snapshot_term_.reset();
  }
}

}  // namespace strata::wal
