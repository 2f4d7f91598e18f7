// What the disk of a machine holds of the log, of snapshots and of term and vote, as the disk itself knows, whatever
// the node says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "raft/core.hpp"
#include "support/memory_files.hpp"
#include "wal/metadata.hpp"
#include "wal/record.hpp"

namespace strata::sim {

inline constexpr ClusterId simulated_cluster(0x73696d756c617465);
inline constexpr const char* data_directory = "data";
inline constexpr const char* run_directory = "run";

// The log's entries, read from the segments as they grow, and the newest snapshot. Follows one disk through all losses
// of power.
class LogImage {
 public:
  // `durable`: what survives a loss of power for certain; otherwise what the running process sees.
  LogImage(NodeId node, const test::MemoryFiles& disk, bool durable) : node_(node), disk_(&disk), durable_(durable) {}

  // What is on the disk now was there, though it may decay before anybody asks.
  void look();
  // The newest record for `index` is whole, and of this term; or a snapshot that is whole reaches so far.
  bool holds(LogIndex index, Term term);
  bool holds_in_log(LogIndex index, Term term);
  // There is a whole snapshot that reaches up to this entry, or a newer one has taken its place.
  bool holds_snapshot(EntryId last_included);
  // As the disk is now, whatever was found there before; 0: there is none.
  LogIndex newest_whole_snapshot() const;

  // The process has begun anew: what it sees is what `durable` holds, and more perhaps.
  void begin_with(const LogImage& durable);

 private:
  void follow();
  void read_on();
  bool read_record();
  bool skip_damage();
  bool next_segment();
  bool open_segment(std::uint32_t sequence);
  void take(const wal::RecordHeader& record);
  bool in_log(LogIndex index, Term term) const;
  bool in_snapshot(LogIndex index);
  void look_for_snapshots();
  std::optional<EntryId> whole_snapshot(const std::string& path) const;

  static constexpr std::uint64_t never = ~std::uint64_t{0};

  NodeId node_;
  const test::MemoryFiles* disk_;
  bool durable_;
  std::uint64_t calls_seen_ = never;  // to the disk, when it was last looked at
  std::string path_;
  std::uint32_t sequence_ = 0;
  std::uint32_t offset_ = 0;
  std::optional<std::uint32_t> link_ = 0;  // nothing: behind damage
  std::vector<Term> terms_;  // from index 1 on; 0: a snapshot took its place, or its segment went before it was seen
  EntryId snapshot_;
  std::string snapshot_name_;
};

// Term and vote and what stands beside them, as they would be found after a loss of power; nothing: there is none.
std::optional<wal::Metadata> durable_metadata(const test::MemoryFiles& disk);
// The newest start of this member that is recorded there.
std::optional<Start> durable_start(const test::MemoryFiles& disk, NodeId member);
// Whether the node may take part when it starts with that: all others have recorded its directory.
bool is_admitted(const test::MemoryFiles& disk);

// Term and vote, as they would be found after a loss of power.
raft::HardState durable_hard_state(const test::MemoryFiles& disk);

}  // namespace strata::sim
