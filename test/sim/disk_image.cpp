#include "sim/disk_image.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "wal/metadata.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::sim {

namespace {

// Nothing when the file is no snapshot (docs/wal_format.md).
std::optional<LogIndex> snapshot_index(std::string_view name) {
  constexpr std::string_view before = "snapshot-";
  constexpr std::string_view after = ".snap";
  if (!name.starts_with(before) || !name.ends_with(after)) {
    return std::nullopt;
  }
  std::uint64_t index = 0;
  std::from_chars(name.data() + before.size(), name.data() + name.size() - after.size(), index);
  return LogIndex(index);
}

}  // namespace

bool LogImage::holds(LogIndex index, Term term) {
  return in_log(index, term) || in_snapshot(index);
}

// A file gets its name when it is whole and on stable storage.
bool LogImage::in_snapshot(LogIndex index) const {
  return std::ranges::any_of(disk_->names_in(data_directory, durable_), [&](const std::string& name) {
    const auto last_included = snapshot_index(name);
    return last_included && *last_included >= index;
  });
}

bool LogImage::in_log(LogIndex index, Term term) {
  if (const std::uint64_t calls = disk_->calls(); calls != calls_seen_) {
    calls_seen_ = calls;
    read_on();
  }
  if (index == LogIndex()) {
    return true;
  }
  if (index.value > terms_.size()) {
    return false;
  }
  const Term held = terms_[index.value - 1];
  return held == term || held == Term();
}

void LogImage::begin_with(const LogImage& durable) {
  const bool durable_itself = durable_;
  *this = durable;
  durable_ = durable_itself;
  calls_seen_ = never;
}

void LogImage::read_on() {
  while (read_record() || next_segment()) {
  }
}

bool LogImage::read_record() {
  Bytes bytes(wal::record_header_size, '\0');
  if (disk_->look(path_, durable_, offset_, bytes) < bytes.size() || bytes.find_first_not_of('\0') == Bytes::npos) {
    return false;
  }
  const auto header =
      wal::decode_record_header(bytes, wal::identity_of(simulated_cluster, node_), {sequence_, offset_});
  if (!header || header->header.link != link_) {
    return false;
  }
  const std::uint64_t size = wal::record_size(header->header.body_size);
  bytes.resize(size - wal::record_header_size);
  const std::size_t read = disk_->look(path_, durable_, offset_ + wal::record_header_size, bytes);
  if (read < bytes.size() || !wal::decode_record_body(header->header, SharedBytes(std::move(bytes)))) {
    return false;
  }
  take(header->header.index, header->header.term);
  offset_ += static_cast<std::uint32_t>(size);
  link_ = header->checksum;
  return true;
}

// The one that follows, when it says that the log before it ends here; or, when this one is gone, the first there is.
bool LogImage::next_segment() {
  if (disk_->size_of(path_, durable_)) {
    return open_segment(sequence_ + 1);
  }
  for (const std::string& name : disk_->names_in(data_directory, durable_)) {  // in rising order
    const auto sequence = wal::segment_sequence(name);
    if (sequence && *sequence > sequence_) {
      return open_segment(*sequence);
    }
  }
  return false;
}

bool LogImage::open_segment(std::uint32_t sequence) {
  const std::string path = wal::segment_path(data_directory, sequence);
  if (disk_->size_of(path, durable_).value_or(0) < wal::segment_head_size) {
    return false;
  }
  Bytes bytes(wal::segment_head_size, '\0');
  disk_->look(path, durable_, 0, bytes);
  const auto head = wal::decode_segment_head(bytes);
  const bool follows_here = disk_->size_of(path_, durable_).has_value();
  if (!head || (follows_here && (head->head.previous_link != link_ || head->head.previous_end != offset_))) {
    return false;
  }
  path_ = path;
  sequence_ = sequence;
  offset_ = wal::segment_head_size;
  link_ = head->checksum;
  return true;
}

void LogImage::take(LogIndex index, Term term) {
  terms_.resize(index.value - 1);
  terms_.push_back(term);
}

raft::HardState durable_hard_state(const test::MemoryFiles& disk) {
  const std::string path = std::string(data_directory) + "/" + wal::MetadataFile::name;
  Bytes bytes(disk.size_of(path, true).value_or(0), '\0');
  disk.look(path, true, 0, bytes);
  test::MemoryFiles copy;
  copy.make_directory(data_directory);
  copy.set_content(path, bytes);
  const auto file = wal::MetadataFile::open(copy, data_directory, {});
  return file ? raft::HardState{(*file)->current().term, (*file)->current().vote} : raft::HardState();
}

}  // namespace strata::sim
