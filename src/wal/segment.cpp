#include "wal/segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "wal/io.hpp"
#include "wal/record.hpp"

namespace strata::wal {

namespace {

constexpr std::uint32_t head_magic = 0x47455353;  // "SSEG"
constexpr std::string_view name_prefix = "wal-";
constexpr std::string_view name_suffix = ".log";
constexpr std::string_view temporary_suffix = ".tmp";
constexpr std::size_t sequence_digits = 10;
constexpr std::uint64_t sync_every = 4 << 20;

// The head as it stands in the file, followed by zeros.
struct RawHead {
  std::uint32_t magic;
  std::uint32_t checksum;  // CRC-32C of all that follows in the head, zeros included
  std::uint32_t version;
  std::uint32_t size;
  std::uint64_t cluster;
  std::uint64_t last_index;
  std::uint64_t last_term;
  std::uint32_t sequence;
  std::uint32_t previous_link;
  std::uint32_t previous_end;
  std::uint16_t node;
  std::uint16_t reserved;
};
static_assert(sizeof(RawHead) == 56);
static_assert(std::has_unique_object_representations_v<RawHead>);

constexpr std::size_t checksummed_from = offsetof(RawHead, version);

SegmentHead head_of(const RawHead& raw) {
  SegmentHead head;
  head.size = raw.size;
  head.cluster = ClusterId(raw.cluster);
  head.node = NodeId(raw.node);
  head.sequence = raw.sequence;
  head.previous_link = raw.previous_link;
  head.previous_end = raw.previous_end;
  head.last_index = LogIndex(raw.last_index);
  head.last_term = Term(raw.last_term);
  return head;
}

std::string segment_name(std::uint32_t sequence) {
  return fmt::format("{}{:0{}}{}", name_prefix, sequence, sequence_digits, name_suffix);
}

Result<void> write_head(const PreparedSegment& prepared, const SegmentHead& head) {
  if (auto written = write_all(*prepared.file, 0, encode_segment_head(head)); !written) {
    return written;
  }
  return prepared.file->sync();
}

}  // namespace

Bytes encode_segment_head(const SegmentHead& head) {
  RawHead raw{};
  raw.magic = head_magic;
  raw.version = format_version;
  raw.size = head.size;
  raw.cluster = head.cluster.value;
  raw.last_index = head.last_index.value;
  raw.last_term = head.last_term.value;
  raw.sequence = head.sequence;
  raw.previous_link = head.previous_link;
  raw.previous_end = head.previous_end;
  raw.node = head.node.value;
  Bytes bytes(segment_head_size, '\0');
  std::memcpy(bytes.data(), &raw, sizeof raw);
  const std::uint32_t checksum = crc32c(BytesView(bytes).substr(checksummed_from));
  std::memcpy(bytes.data() + offsetof(RawHead, checksum), &checksum, sizeof checksum);
  return bytes;
}

Result<CheckedHead> decode_segment_head(BytesView bytes) {
  if (bytes.size() < segment_head_size) {
    return Error{ErrorKind::damaged, "the file ends inside the segment's head"};
  }
  bytes = bytes.substr(0, segment_head_size);
  RawHead raw{};
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != head_magic) {
    return Error{ErrorKind::damaged, "no segment's head stands here"};
  }
  if (crc32c(bytes.substr(checksummed_from)) != raw.checksum) {
    return Error{ErrorKind::damaged, "the segment head's checksum is wrong"};
  }
  if (raw.version != format_version) {
    return Error{ErrorKind::mismatch,
                 fmt::format("the format has version {}, this program reads version {}", raw.version, format_version)};
  }
  if (raw.reserved != 0 || !all_zero(bytes.substr(sizeof raw))) {
    return Error{ErrorKind::damaged, "the padding of the segment's head is not zero"};
  }
  return CheckedHead{head_of(raw), raw.checksum};
}

std::string segment_path(const std::string& directory, std::uint32_t sequence) {
  return directory + "/" + segment_name(sequence);
}

std::optional<std::uint32_t> segment_sequence(std::string_view name) {
  if (name.size() != name_prefix.size() + sequence_digits + name_suffix.size() || !name.starts_with(name_prefix) ||
      !name.ends_with(name_suffix)) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(name_prefix.size(), sequence_digits);
  std::uint32_t sequence = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return sequence;
}

bool is_temporary_segment(std::string_view name) {
  return name.starts_with(name_prefix) && name.ends_with(temporary_suffix);
}

std::uint32_t segment_size_for(const LogOptions& options, std::uint64_t record) {
  STRATA_ASSERT(record <= max_segment_size - segment_head_size);
  const std::uint64_t needed =
      (segment_head_size + record + segment_head_size - 1) / segment_head_size * segment_head_size;
  return static_cast<std::uint32_t>(std::max(needed, options.segment_size));
}

Result<std::unique_ptr<PreparedSegment>> allocate_segment(FileSystem& files, const LogOptions& options,
                                                          std::uint32_t sequence, std::string_view suffix,
                                                          std::uint32_t size) {
  std::string path = fmt::format("{}.{}{}", segment_path(options.directory, sequence), suffix, temporary_suffix);
  Result<std::unique_ptr<File>> file = files.create(path);
  if (!file) {
    return file.error();
  }
  Result<void> filled = write_zeros(**file, 0, size, sync_every);
  if (filled) {
    filled = (*file)->sync();
  }
  if (!filled) {
    file->reset();
    static_cast<void>(files.remove(path));  // gives the space back; what stays is removed at the next start
    return filled.error();
  }
  return std::make_unique<PreparedSegment>(PreparedSegment{std::move(*file), std::move(path), sequence, size});
}

Result<std::unique_ptr<PreparedSegment>> prepare_segment(FileSystem& files, const LogOptions& options,
                                                         std::uint32_t sequence) {
  return allocate_segment(files, options, sequence, "spare", segment_size_for(options, 0));
}

Result<Segment> begin_segment(FileSystem& files, const LogOptions& options, PreparedSegment& prepared,
                              SegmentHead head) {
  head.size = static_cast<std::uint32_t>(prepared.size);
  if (auto written = write_head(prepared, head); !written) {
    return written.error();
  }
  Segment segment;
  segment.path = segment_path(options.directory, head.sequence);
  if (auto renamed = files.rename(prepared.path, segment.path); !renamed) {
    return renamed.error();
  }
  if (auto synced = files.sync_directory(options.directory); !synced) {
    return synced.error();
  }
  Result<CheckedHead> checked = decode_segment_head(encode_segment_head(head));
  segment.file = std::move(prepared.file);
  segment.head = checked->head;
  segment.checksum = checked->checksum;
  segment.file_size = head.size;
  return segment;
}

Error damage_at(const std::string& path, std::uint64_t offset, LogIndex index, const Error& reason) {
  const std::string shown = index == LogIndex(0) ? "unknown" : fmt::format("{}", index);
  return {reason.kind, fmt::format("{}: offset {}, index {}: {}", path, offset, shown, reason.text)};
}

Result<void> remove_segments(FileSystem& files, const std::string& directory, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (auto removed = remove_large(files, directory, path, path + ".released" + std::string(temporary_suffix));
        !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace strata::wal
