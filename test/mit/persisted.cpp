#include "mit/persisted.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "sim/disk_image.hpp"
#include "support/log_samples.hpp"
#include "wal/data_directory.hpp"

namespace strata::mit {

namespace {

constexpr std::size_t read_at_once = 1 << 20;

std::size_t bytes_of_entries(wal::Log& log, LogIndex first) {
  std::size_t bytes = 0;
  for (LogIndex next = first; next <= log.last_index();) {
    const auto entries = log.read(next, log.last_index(), read_at_once);
    REQUIRE(entries.has_value());
    for (const Entry& entry : *entries) {
      bytes += entry.body.size();
    }
    next = entries->back().index.next();
  }
  return bytes;
}

}  // namespace

Persisted look_at(const test::MemoryFiles& disk, NodeId node) {
  const auto copy = disk.copy();
  test::KeptLines lines;
  wal::LogOptions options;
  options.directory = sim::data_directory;
  options.cluster = sim::simulated_cluster;
  options.node = node;
  const auto directory = wal::open_data_directory(*copy, options, lines);
  REQUIRE(directory.has_value());
  const LogIndex first = std::max(directory->log->first_index(), directory->snapshots->released().next());
  Persisted found;
  found.raft_bytes = sizeof(Term) + sizeof(NodeId) + bytes_of_entries(*directory->log, first);
  found.segments = directory->log->recovered().segments;
  if (const auto& kept = directory->snapshots->kept(); !kept.empty()) {
    found.snapshot = kept.front().last_included.index;
    found.snapshot_bytes = kept.front().size;
  }
  return found;
}

}  // namespace strata::mit
