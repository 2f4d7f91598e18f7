#include "sim/decay.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/assert.hpp"
#include "sim/disk_image.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/snapshot.hpp"

namespace strata::sim {

namespace {

std::string path_of(const std::string& name) {
  return std::string(data_directory) + "/" + name;
}

// Every good header of the segment, wherever it stands, until `found` is content.
void for_each_header(NodeId node, const test::MemoryFiles& disk, const std::string& path, std::uint32_t sequence,
                     const std::function<bool(const wal::RecordHeader&)>& found) {
  Bytes content(disk.size_of(path, true).value_or(0), '\0');
  disk.look(path, true, 0, content);
  const auto identity = wal::identity_of(simulated_cluster, node);
  for (std::uint32_t at = wal::segment_head_size; at + wal::record_header_size <= content.size();
       at += wal::record_alignment) {
    const BytesView here = BytesView(content).substr(at, wal::record_header_size);
    if (here.front() == '\0') {
      continue;
    }
    const auto header = wal::decode_record_header(here, identity, {sequence, at});
    if (header && found(header->header)) {
      return;
    }
  }
}

wal::Position highest_mark(NodeId node, const test::MemoryFiles& disk, const std::string& path,
                           std::uint32_t sequence) {
  wal::Position highest;
  for_each_header(node, disk, path, sequence, [&](const wal::RecordHeader& header) {
    highest = std::max(highest, header.marks.synced);
    return false;
  });
  return highest;
}

// The log was synced up to there: as its records say, and the last segment by being there.
wal::Position synced_mark(NodeId node, const test::MemoryFiles& disk, const std::vector<std::string>& names) {
  wal::Position synced;
  for (const std::string& name : names) {
    if (const auto sequence = wal::segment_sequence(name)) {
      const wal::Position begin{*sequence, wal::segment_head_size};
      synced = std::max({synced, begin, highest_mark(node, disk, path_of(name), *sequence)});
    }
  }
  return synced;
}

std::uint64_t provable_bytes(const std::string& name, std::uint64_t size, wal::Position synced) {
  if (wal::snapshot_index(name)) {
    return size;
  }
  const auto sequence = wal::segment_sequence(name);
  if (!sequence || *sequence > synced.segment) {
    return 0;
  }
  return *sequence < synced.segment ? size : std::min<std::uint64_t>(size, synced.offset);
}

}  // namespace

Provable::Provable(NodeId node, const test::MemoryFiles& disk) {
  const std::vector<std::string> names = disk.names_in(data_directory, true);
  const wal::Position synced = synced_mark(node, disk, names);
  for (const std::string& name : names) {
    const std::string path = path_of(name);
    if (const std::uint64_t bytes = provable_bytes(name, disk.size_of(path, true).value_or(0), synced); bytes > 0) {
      files_.push_back(path);
      bytes_[path] = bytes;
    }
  }
}

std::uint64_t Provable::bytes_of(const std::string& path) const {
  const auto found = bytes_.find(path);
  return found == bytes_.end() ? 0 : found->second;
}

RecordPlace find_record(NodeId node, const test::MemoryFiles& disk, LogIndex index) {
  std::optional<RecordPlace> place;
  for (const std::string& name : disk.names_in(data_directory, true)) {
    if (const auto sequence = wal::segment_sequence(name)) {
      for_each_header(node, disk, path_of(name), *sequence, [&](const wal::RecordHeader& header) {
        if (header.index == index) {
          place = RecordPlace{path_of(name), header.position.offset};
        }
        return place.has_value();
      });
    }
  }
  STRATA_ASSERT(place);
  return *place;
}

}  // namespace strata::sim
