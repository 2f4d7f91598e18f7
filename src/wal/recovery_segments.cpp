#include <fmt/format.h>

#include <utility>

#include "base/sometimes.hpp"
#include "wal/io.hpp"
#include "wal/recovery.hpp"

namespace strata::wal {

Result<void> Recovery::open_segments(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::optional<std::uint32_t> sequence = segment_sequence(name);
    if (!sequence) {
      continue;
    }
    if (state_->segments.empty() && snapshot_.index > LogIndex(0)) {
      first_sequence_ = *sequence;  // what came before may have been released
    }
    const auto expected = static_cast<std::uint32_t>(state_->segments.size() + first_sequence_);
    if (*sequence != expected) {
      may_read_on_ = state_->segments.empty();  // it began with a snapshot that is lost
      return damage_at(segment_path(options().directory, expected), 0, LogIndex(0),
                       {ErrorKind::damaged, fmt::format("the segment is missing, but there is {}", name)});
    }
    if (auto opened = open_segment(*sequence); !opened) {
      return opened;
    }
  }
  return {};
}

Result<void> Recovery::open_segment(std::uint32_t sequence) {
  Segment segment;
  segment.path = segment_path(options().directory, sequence);
  Result<std::unique_ptr<File>> file = files_.open(segment.path);
  if (!file) {
    return file.error();
  }
  segment.file = std::move(*file);
  // What an earlier process wrote may still be in the kernel alone: it is trusted only once it is on the disk.
  if (auto synced = segment.file->sync(); !synced) {
    return synced;
  }
  const Result<std::uint64_t> size = segment.file->size();
  if (!size) {
    return size.error();
  }
  segment.file_size = *size;
  if (auto read = read_head(segment, sequence); !read) {
    may_read_on_ = true;
    return read;
  }
  total_bytes_ += segment.file_size;
  state_->segments.push_back(std::move(segment));
  return {};
}

Result<void> Recovery::read_head(Segment& segment, std::uint32_t sequence) const {
  Bytes bytes(segment_head_size, '\0');
  const Result<std::size_t> read = read_all(*segment.file, 0, bytes);
  if (!read) {
    return read.error();
  }
  const Result<CheckedHead> checked = decode_segment_head(BytesView(bytes).substr(0, *read));
  if (!checked) {
    return bad_head(segment, sequence, checked.error());
  }
  segment.head = checked->head;
  segment.checksum = checked->checksum;
  if (auto good = check_head(segment); !good) {
    return bad_head(segment, sequence, good.error());
  }
  return {};
}

Result<void> Recovery::check_head(const Segment& segment) const {
  const SegmentHead& head = segment.head;
  if (head.cluster != options().cluster || head.node != options().node) {
    return Error{ErrorKind::mismatch,
                 fmt::format("the segment belongs to node {} of cluster {:016x}, this is node {} of cluster {:016x}",
                             head.node, head.cluster, options().node, options().cluster)};
  }
  if (head.sequence != state_->segments.size() + first_sequence_) {
    return Error{ErrorKind::damaged, fmt::format("the segment's head has the number {}", head.sequence)};
  }
  if (head.size < segment_head_size || head.size > max_segment_size || segment.file_size > head.size) {
    return Error{ErrorKind::damaged,
                 fmt::format("the file has {} bytes, its head says {}", segment.file_size, head.size)};
  }
  return {};
}

// The index of the segment's first record goes into the text when that record can still be read.
Error Recovery::bad_head(const Segment& segment, std::uint32_t sequence, const Error& reason) const {
  Bytes bytes(record_header_size, '\0');
  const Result<std::size_t> read = read_all(*segment.file, segment_head_size, bytes);
  LogIndex index;
  if (read && *read == bytes.size()) {
    const Result<CheckedHeader> first =
        decode_record_header(bytes, state_->identity, Position{sequence, segment_head_size});
    index = first ? first->header.index : LogIndex(0);
  }
  return damage_at(segment.path, 0, index, reason);
}

// Only after every head has been found to be ours. The names that are there may not be on the disk yet.
Result<void> Recovery::tidy_directory(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!is_temporary_segment(name)) {
      continue;
    }
    sometimes(Mark::temporary_segment_removed);
    if (auto removed = files_.remove(options().directory + "/" + name); !removed) {
      return removed;
    }
  }
  return files_.sync_directory(options().directory);
}

Result<void> Recovery::create_first() {
  auto prepared = allocate_segment(files_, options(), 1, "own", segment_size_for(options(), 0));
  if (!prepared) {
    return prepared.error();
  }
  SegmentHead head;
  head.cluster = options().cluster;
  head.node = options().node;
  head.sequence = 1;
  Result<Segment> begun = begin_segment(files_, options(), **prepared, head);
  if (!begun) {
    return begun.error();
  }
  state_->segments.push_back(std::move(*begun));
  return {};
}

}  // namespace strata::wal
