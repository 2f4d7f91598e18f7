#include "wal/log_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "wal/io.hpp"

namespace strata::wal {

namespace {

std::string name_of(std::uint32_t sequence) {
  return segment_path("", sequence).substr(1);
}

Result<CheckedHead> read_head(File& file, const SegmentFile& found) {
  Bytes bytes(segment_head_size, '\0');
  const Result<std::size_t> read = read_all(file, 0, bytes);
  if (!read) {
    return Error{ErrorKind::damaged, read.error().text};
  }
  Result<CheckedHead> checked = decode_segment_head(BytesView(bytes).substr(0, *read));
  if (checked && checked->head.sequence != found.sequence) {
    return Error{ErrorKind::damaged, fmt::format("the segment's head has the number {}", checked->head.sequence)};
  }
  if (checked && (checked->head.size < segment_head_size || checked->head.size > max_segment_size)) {
    return Error{ErrorKind::damaged, fmt::format("the segment's head says that it has {} bytes", checked->head.size)};
  }
  return checked;
}

Result<SegmentFile> look_at_segment(ReadOnlyFiles& files, const std::string& directory, const std::string& name) {
  SegmentFile found;
  found.name = name;
  found.path = directory + "/" + name;
  found.sequence = *segment_sequence(name);
  const Result<std::unique_ptr<File>> file = files.open_to_read(found.path);
  if (!file) {
    return file.error();
  }
  const Result<std::uint64_t> size = (*file)->size();
  if (!size) {
    return size.error();
  }
  found.size = *size;
  const Result<CheckedHead> head = read_head(**file, found);
  if (head) {
    found.head = *head;
  } else {
    found.reason = head.error();
  }
  return found;
}

}  // namespace

Result<std::vector<SegmentFile>> list_segments(ReadOnlyFiles& files, const std::string& directory,
                                               const std::vector<std::string>& names) {
  std::vector<SegmentFile> segments;
  for (const std::string& name : names) {
    if (!segment_sequence(name)) {
      continue;
    }
    Result<SegmentFile> segment = look_at_segment(files, directory, name);
    if (!segment) {
      return segment.error();
    }
    segments.push_back(std::move(*segment));
  }
  return segments;
}

Result<void> LogReading::read(std::vector<SegmentFile> segments) {
  refuse_strangers(segments);
  begin_log(segments.front());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    const bool followed = !last && segments[i + 1].sequence == segments[i].sequence + 1;
    if (i > 0) {
      note_missing(segments[i - 1], segments[i]);
    }
    if (auto read = read_segment(segments[i], followed ? &segments[i + 1] : nullptr, last); !read) {
      return read;
    }
  }
  finish();
  return {};
}

// What belongs to somebody else is no part of this log.
void LogReading::refuse_strangers(std::vector<SegmentFile>& segments) const {
  for (SegmentFile& file : segments) {
    if (file.head && Owner{file.head->head.cluster, file.head->head.node} != found_.owner) {
      file.reason = {ErrorKind::mismatch, fmt::format("the segment belongs to node {} of cluster {:016x}",
                                                      file.head->head.node, file.head->head.cluster)};
      file.head.reset();
    }
  }
}

void LogReading::begin_log(const SegmentFile& first) {
  const bool whole = first.sequence == 1;
  if (first.head) {
    last_ = {first.head->head.last_index, first.head->head.last_term};
    base_term_ = last_.term;
  } else if (!whole) {
    last_ = found_.snapshot();
  } else {
    base_term_ = Term(0);
  }
  may_reach_back_ = !whole;
  found_.first_index = last_.index.next();
  found_.current.resume({first.sequence, 0}, last_.index);
  visitor_.on_known_end(last_);
  if (!whole && found_.snapshots.empty()) {
    file_ = name_of(first.sequence - 1);
    Finding missing = finding_here(Verdict::damaged, 0, "the segment is missing, and there is no good snapshot");
    missing.first = LogIndex(1);
    missing.last = last_.index;
    note(missing);
  }
}

void LogReading::note_missing(const SegmentFile& before, const SegmentFile& behind) {
  const std::uint32_t from = before.sequence + 1;
  if (from == behind.sequence) {
    return;
  }
  file_ = name_of(from);
  end_ = {from, 0};
  unsettled_.push_back(finding_here(Verdict::damaged, 0,
                                    from + 1 == behind.sequence
                                        ? "the segment is missing"
                                        : fmt::format("the segments {} to {} are missing", from, behind.sequence - 1)));
  link_.reset();
}

Result<void> LogReading::read_segment(const SegmentFile& file, const SegmentFile* next, bool last) {
  Result<std::unique_ptr<File>> opened = files_.open_to_read(file.path);
  if (!opened) {
    return opened.error();
  }
  reading_ = std::make_shared<ForgivingFile>(std::move(*opened));
  begin_segment(file);
  if (!file.head && file.reason.kind == ErrorKind::mismatch) {
    return {};
  }
  std::optional<std::uint64_t> end;
  if (next != nullptr && next->head) {
    end = next->head->head.previous_end;
  }
  const Result<void> read = read_records(segment_of(file), end, last);
  note_unreadable(last);
  return read;
}

// Of a head that cannot be read, what its file's name and size tell.
Segment LogReading::segment_of(const SegmentFile& file) const {
  Segment segment;
  segment.path = file.path;
  segment.file = reading_;
  segment.file_size = file.size;
  if (file.head) {
    segment.head = file.head->head;
    segment.checksum = file.head->checksum;
  } else {
    segment.head.cluster = found_.owner->cluster;
    segment.head.node = found_.owner->node;
    segment.head.sequence = file.sequence;
    segment.head.size = static_cast<std::uint32_t>(std::min(file.size, max_segment_size));
  }
  return segment;
}

void LogReading::begin_segment(const SegmentFile& file) {
  if (file.head) {
    join_segments(file);
  }
  file_ = file.name;
  end_ = {file.sequence, 0};
  found_.segments += 1;
  if (!file.head) {
    const bool refused = file.reason.kind == ErrorKind::mismatch;
    unsettled_.push_back(finding_here(refused ? Verdict::refused : Verdict::damaged,
                                      refused ? file.size : std::uint64_t{segment_head_size}, file.reason.text));
    link_.reset();
  } else if (file.size > file.head->head.size) {
    Finding longer =
        finding_here(Verdict::damaged, file.size - file.head->head.size,
                     fmt::format("the file has {} bytes, its head says {}", file.size, file.head->head.size));
    longer.offset = file.head->head.size;
    note(longer);
  }
  end_.offset = segment_head_size;
  synced_ = std::max(synced_, end_);
}

// A good head says how the log before it ended.
void LogReading::join_segments(const SegmentFile& file) {
  const SegmentHead& head = file.head->head;
  const EntryId before{head.last_index, head.last_term};
  const bool first = found_.segments == 0;
  const bool joined = last_ == before && (first || (end_.offset == head.previous_end && link_ == head.previous_link));
  if (unsettled_.empty() && !joined) {
    unsettled_.push_back(
        finding_here(Verdict::damaged, 0, "the next segment was begun behind other records than these"));
  }
  settle(before, before.index);
  last_ = before;
  found_.current.resume({head.sequence, 0}, before.index);
  visitor_.on_known_end(before);
  link_ = file.head->checksum;
  found_.sound_end = {head.sequence, segment_head_size};
  found_.sound_link = *link_;
}

void LogReading::finish() {
  if (unsettled_.empty() && end_ < known_.synced) {
    unsettled_.push_back(finding_here(Verdict::damaged, 0, "the log was on stable storage beyond this place"));
  }
  settle_unknown();
  found_.end = end_;
  found_.link = link_;
  found_.last_index = last_.index;
  found_.last_term = last_.term;
  found_.commit_index = std::max(std::min(commit_index_, last_.index), found_.snapshot().index);
  join_snapshot();
  report_all();
}

// The log and the snapshot must make one whole (docs/wal_format.md, Reading, 4).
void LogReading::join_snapshot() {
  const EntryId snapshot = found_.snapshot();
  const LogIndex before_first = found_.first_index - 1;
  if (before_first > snapshot.index && (!found_.snapshots.empty() || !may_reach_back_)) {
    Finding gap =
        finding_here(Verdict::damaged, 0,
                     fmt::format("the log begins behind index {}, but no snapshot that can be read goes beyond {}",
                                 before_first, snapshot.index));
    gap.first = snapshot.index.next();
    gap.last = before_first;
    note(gap);
  }
  if (found_.snapshots.empty()) {
    return;
  }
  const std::optional<Term> term = snapshot.index == before_first ? base_term_ : snapshot_term_;
  const bool joined = snapshot.index <= last_.index && term.value_or(snapshot.term) == snapshot.term;
  if (!joined) {
    found_.superseded = true;
    constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
    found_.current.restart({most, most}, snapshot.index);
    found_.first_index = snapshot.index.next();
    found_.last_index = snapshot.index;
    found_.last_term = snapshot.term;
    found_.commit_index = snapshot.index;
  }
}

}  // namespace strata::wal
