#include "sim/disk_image.hpp"

#include <algorithm>
#include <utility>

#include "wal/metadata.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/snapshot.hpp"

namespace strata::sim {

namespace {

void copy_file(const test::MemoryFiles& disk, bool durable, const std::string& path, test::MemoryFiles& copy) {
  Bytes bytes(disk.size_of(path, durable).value_or(0), '\0');
  disk.look(path, durable, 0, bytes);
  copy.make_directory(data_directory);
  copy.set_content(path, bytes);
}

}  // namespace

void LogImage::look() {
  follow();
  look_for_snapshots();
}

bool LogImage::holds(LogIndex index, Term term) {
  return holds_in_log(index, term) || in_snapshot(index);
}

bool LogImage::holds_in_log(LogIndex index, Term term) {
  follow();
  return in_log(index, term);
}

void LogImage::follow() {
  if (const std::uint64_t calls = disk_->calls(); calls != calls_seen_) {
    calls_seen_ = calls;
    read_on();
  }
}

bool LogImage::holds_snapshot(EntryId last_included) {
  return in_snapshot(last_included.index) &&
         (snapshot_.index > last_included.index || snapshot_.term == last_included.term);
}

bool LogImage::in_snapshot(LogIndex index) {
  if (index > snapshot_.index) {
    look_for_snapshots();
  }
  return index <= snapshot_.index;
}

bool LogImage::in_log(LogIndex index, Term term) const {
  return index > LogIndex() && index.value <= terms_.size() && terms_[index.value - 1] == term;
}

// A snapshot is never lost to a node that has it: each that goes has a newer one in its place. So what was found once
// needs not be looked at again.
void LogImage::look_for_snapshots() {
  for (const std::string& name : disk_->names_in(data_directory, durable_)) {
    if (!name.starts_with("snapshot-") || !name.ends_with(".snap") || name <= snapshot_name_) {
      continue;
    }
    if (const auto found = whole_snapshot(std::string(data_directory) + "/" + name)) {
      snapshot_ = *found;
      snapshot_name_ = name;
    }
  }
}

LogIndex LogImage::newest_whole_snapshot() const {
  LogIndex newest;
  for (const std::string& name : disk_->names_in(data_directory, durable_)) {
    if (wal::snapshot_index(name)) {
      newest = std::max(newest, whole_snapshot(std::string(data_directory) + "/" + name).value_or(EntryId()).index);
    }
  }
  return newest;
}

std::optional<EntryId> LogImage::whole_snapshot(const std::string& path) const {
  test::MemoryFiles copy;
  copy_file(*disk_, durable_, path, copy);
  wal::LogOptions options;
  options.cluster = simulated_cluster;
  options.node = node_;
  const auto reader = wal::SnapshotReader::open(copy, options, path);
  if (!reader) {
    return std::nullopt;
  }
  const wal::SnapshotFile& file = (*reader)->file();
  const auto content = (*reader)->read(0, std::max<std::size_t>(1, file.size));
  return content && content->size() == file.size ? std::optional(file.last_included) : std::nullopt;
}

void LogImage::begin_with(const LogImage& durable) {
  const bool durable_itself = durable_;
  *this = durable;
  durable_ = durable_itself;
  calls_seen_ = never;
}

void LogImage::read_on() {
  while (read_record() || skip_damage() || next_segment()) {
  }
}

bool LogImage::read_record() {
  Bytes bytes(wal::record_header_size, '\0');
  if (disk_->look(path_, durable_, offset_, bytes) < bytes.size() || bytes.find_first_not_of('\0') == Bytes::npos) {
    return false;
  }
  const auto header =
      wal::decode_record_header(bytes, wal::identity_of(simulated_cluster, node_), {sequence_, offset_});
  if (!header || header->header.link != link_.value_or(header->header.link)) {
    return false;
  }
  const std::uint64_t size = wal::record_size(header->header.body_size);
  bytes.resize(size - wal::record_header_size);
  const std::size_t read = disk_->look(path_, durable_, offset_ + wal::record_header_size, bytes);
  if (read < bytes.size() || !wal::decode_record_body(header->header, SharedBytes(std::move(bytes)))) {
    return false;
  }
  take(header->header);
  offset_ += static_cast<std::uint32_t>(size);
  link_ = header->checksum;
  return true;
}

// As a node reads on: with the next good header.
bool LogImage::skip_damage() {
  if (!disk_->has_decayed()) {
    return false;
  }
  Bytes rest(disk_->size_of(path_, durable_).value_or(0), '\0');
  disk_->look(path_, durable_, 0, rest);
  const auto identity = wal::identity_of(simulated_cluster, node_);
  for (std::uint32_t at = offset_ + wal::record_alignment; at + wal::record_header_size <= rest.size();
       at += wal::record_alignment) {
    const BytesView here = BytesView(rest).substr(at, wal::record_header_size);
    if (here.front() != '\0' && wal::decode_record_header(here, identity, {sequence_, at})) {
      if (!disk_->has_decayed(path_, offset_, at)) {
        return false;  // torn: it is cut, and written again
      }
      offset_ = at;
      link_.reset();
      return true;
    }
  }
  return false;
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
  const bool joins = head && head->head.previous_link == link_ && head->head.previous_end == offset_;
  if ((!head || (follows_here && !joins)) && !disk_->has_decayed()) {
    return false;
  }
  path_ = path;
  sequence_ = sequence;
  offset_ = wal::segment_head_size;
  link_ = head ? std::optional(head->checksum) : std::nullopt;
  return true;
}

void LogImage::take(const wal::RecordHeader& record) {
  if (record.type == wal::RecordType::repair) {
    if (record.index.value <= terms_.size()) {
      terms_[record.index.value - 1] = record.term;
    }
    return;
  }
  if (record.type == wal::RecordType::restart) {
    terms_.clear();
  }
  terms_.resize(record.index.value - 1);
  terms_.push_back(record.term);
}

// Without the file, what is opened here is a new one: of incarnation 0.
std::optional<wal::Metadata> durable_metadata(const test::MemoryFiles& disk) {
  const std::string path = std::string(data_directory) + "/" + wal::MetadataFile::name;
  test::MemoryFiles copy;
  copy_file(disk, true, path, copy);
  const auto file = wal::MetadataFile::open(copy, data_directory, {});
  const bool found = file && (*file)->current().incarnation != Incarnation();
  return found ? std::optional((*file)->current()) : std::nullopt;
}

std::optional<Start> durable_start(const test::MemoryFiles& disk, NodeId member) {
  const auto metadata = durable_metadata(disk);
  if (!metadata) {
    return std::nullopt;
  }
  const auto known = std::ranges::find(metadata->members, member, &KnownMember::node);
  return known == metadata->members.end() ? std::nullopt : std::optional(known->start);
}

bool is_admitted(const test::MemoryFiles& disk) {
  const auto metadata = durable_metadata(disk);
  return metadata && metadata->admission == Admission::member;
}

raft::HardState durable_hard_state(const test::MemoryFiles& disk) {
  const auto metadata = durable_metadata(disk);
  return metadata ? raft::HardState{metadata->term, metadata->vote} : raft::HardState();
}

}  // namespace strata::sim
