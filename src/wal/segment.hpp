// Segments: the head of 4096 bytes by which each begins, their names, and how one is made (docs/wal_format.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"

namespace strata::wal {

inline constexpr std::uint32_t segment_head_size = 4096;
inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint64_t max_segment_size = std::uint64_t{1} << 30;

// What a segment says of itself and of the log before it. That it exists proves that all before it is synced.
struct SegmentHead {
  std::uint32_t size = 0;  // of the file, bytes
  ClusterId cluster;
  NodeId node;
  std::uint32_t sequence = 0;
  std::uint32_t previous_link = 0;  // checksum of the last header in the segment before: a record's, or its head's
  std::uint32_t previous_end = 0;   // where its records end
  LogIndex last_index;              // of the log when the segment was begun
  Term last_term;                   // of that entry
  bool operator==(const SegmentHead&) const = default;
};

struct CheckedHead {
  SegmentHead head;
  std::uint32_t checksum = 0;  // the link of the segment's first record
};

// Segment_head_size bytes.
Bytes encode_segment_head(const SegmentHead& head);

// Errors, the text being the reason only: damaged; mismatch when the format is newer.
Result<CheckedHead> decode_segment_head(BytesView bytes);

// A segment that belongs to the log.
struct Segment {
  std::string path;
  std::shared_ptr<File> file;
  SegmentHead head;
  std::uint32_t checksum = 0;   // of its head
  std::uint64_t file_size = 0;  // as found; less than head.size only while a log that was cut short is being opened
};

std::string segment_path(const std::string& directory, std::uint32_t sequence);
// The number in a segment's file name; nothing when it is no such name.
std::optional<std::uint32_t> segment_sequence(std::string_view name);
// The name of a segment that is not part of the log.
bool is_temporary_segment(std::string_view name);

// The size of a segment that is made for a record of `record` bytes.
std::uint32_t segment_size_for(const LogOptions& options, std::uint64_t record);

// Allocates a file of `size` bytes under a name made of `sequence` and `suffix`. On an error nothing is left of it.
Result<std::unique_ptr<PreparedSegment>> allocate_segment(FileSystem& files, const LogOptions& options,
                                                          std::uint32_t sequence, std::string_view suffix,
                                                          std::uint32_t size);

// Makes `prepared` part of the log as what `head` says (but for its size): head written and synced, renamed, directory
// synced. Everything before it must be synced. Takes the file out of `prepared`.
Result<Segment> begin_segment(FileSystem& files, const LogOptions& options, PreparedSegment& prepared,
                              SegmentHead head);

// The same kind of error with the place in its text; index 0: unknown.
Error damage_at(const std::string& path, std::uint64_t offset, LogIndex index, const Error& reason);

}  // namespace strata::wal
