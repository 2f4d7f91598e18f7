// What of a disk may decay so that its node must find it out: entries that the log itself proves to have been synced,
// and snapshots. The newest records, of whose sync nothing tells, would look torn; term and vote would be forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "support/memory_files.hpp"

namespace strata::sim {

// As the disk is at this moment.
class Provable {
 public:
  Provable(NodeId node, const test::MemoryFiles& disk);

  // How many bytes of the file, from its begin on, may decay.
  std::uint64_t bytes_of(const std::string& path) const;
  // The files of which there are any.
  const std::vector<std::string>& files() const { return files_; }

 private:
  std::vector<std::string> files_;
  std::map<std::string, std::uint64_t> bytes_;
};

// Where on a disk a record of this entry stands. There is one.
struct RecordPlace {
  std::string path;
  std::uint64_t offset;
};
RecordPlace find_record(NodeId node, const test::MemoryFiles& disk, LogIndex index);

}  // namespace strata::sim
