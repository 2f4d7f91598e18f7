// What the disk of a machine holds of the log and of term and vote, as the disk itself knows, whatever the node says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "raft/core.hpp"
#include "support/memory_files.hpp"

namespace strata::sim {

inline constexpr ClusterId simulated_cluster(0x73696d756c617465);
inline constexpr const char* data_directory = "data";

// The log's entries, read from the segments as they grow. Follows one disk through all losses of power.
class LogImage {
 public:
  // `durable`: what survives a loss of power for certain; otherwise what the running process sees.
  LogImage(NodeId node, const test::MemoryFiles& disk, bool durable) : node_(node), disk_(&disk), durable_(durable) {}

  // The newest record for `index` is whole, and of this term; or a snapshot reaches as far. An entry whose segment was
  // removed before it was looked at counts as held: a snapshot has it.
  bool holds(LogIndex index, Term term);

  // The process has begun anew: what it sees is what `durable` holds, and more perhaps.
  void begin_with(const LogImage& durable);

 private:
  bool in_log(LogIndex index, Term term);
  bool in_snapshot(LogIndex index) const;
  void read_on();
  bool read_record();
  bool next_segment();
  bool open_segment(std::uint32_t sequence);
  void take(LogIndex index, Term term);

  static constexpr std::uint64_t never = ~std::uint64_t{0};

  NodeId node_;
  const test::MemoryFiles* disk_;
  bool durable_;
  std::uint64_t calls_seen_ = never;  // to the disk, when it was last looked at
  std::string path_;
  std::uint32_t sequence_ = 0;
  std::uint32_t offset_ = 0;
  std::uint32_t link_ = 0;
  std::vector<Term> terms_;  // from index 1 on; 0: was never seen
};

// Term and vote, as they would be found after a loss of power.
raft::HardState durable_hard_state(const test::MemoryFiles& disk);

}  // namespace strata::sim
