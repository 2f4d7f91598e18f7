// The inside of a MemoryFiles: for its own sources only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "support/memory_files.hpp"

namespace strata::test {

// What a directory does not yet hold for good.
struct MemoryFiles::Change {
  std::string erased;          // a name, or empty
  std::string set;             // a name, or empty
  std::shared_ptr<Node> node;  // what `set` names
};

// A file's content, whatever its names.
struct MemoryFiles::Node {
  // What a write left in the sectors that it touched, whole sectors but for the last one of the file.
  struct Written {
    std::uint64_t first_sector;
    Bytes content;
  };
  using Versions = std::map<std::uint64_t, std::vector<BytesView>>;  // of each sector, oldest first

  Bytes current;  // as the process sees it
  Bytes synced;
  std::vector<Written> unsynced;                                 // since the last sync, oldest first
  std::map<std::uint64_t, Bytes> spoilt;                         // sectors as the next loss of power will show them
  std::vector<std::pair<std::uint64_t, std::uint64_t>> decayed;  // from and to: bytes that are not as they were synced
  bool goes_with_power = false;

  bool has_unsynced_size() const { return current.size() != synced.size(); }

  void write(std::uint64_t offset, BytesView bytes) {
    if (current.size() < offset + bytes.size()) {
      current.resize(offset + bytes.size(), '\0');
    }
    if (bytes.empty()) {
      return;
    }
    bytes.copy(current.data() + offset, bytes.size());
    const std::uint64_t first = offset / sector_size;
    const std::uint64_t end = (offset + bytes.size() + sector_size - 1) / sector_size;
    unsynced.push_back({first, current.substr(first * sector_size, (end - first) * sector_size)});
  }

  void sync() {
    synced.resize(current.size(), '\0');
    for (const auto& [first_sector, content] : unsynced) {
      content.copy(synced.data() + first_sector * sector_size, content.size());
    }
    unsynced.clear();
  }

  // Views into `unsynced`.
  Versions versions() const {
    Versions versions;
    for (const auto& [first_sector, content] : unsynced) {
      for (std::uint64_t start = 0; start < content.size(); start += sector_size) {
        versions[first_sector + start / sector_size].push_back(BytesView(content).substr(start, sector_size));
      }
    }
    return versions;
  }
};

}  // namespace strata::test
