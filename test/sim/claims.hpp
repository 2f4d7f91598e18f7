// What nodes say about their disks and about each other's logs, compared with what the disks and the logs hold:
// invariants 10 to 14.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/durability.hpp"
#include "base/ids.hpp"
#include "raft/core.hpp"
#include "sim/disk_image.hpp"
#include "sim/invariants.hpp"
#include "sim/log_oracle.hpp"
#include "sim/losses.hpp"
#include "sim/network.hpp"

namespace strata::sim {

class Claims {
 public:
  Claims(const LogOracle& logs, const Losses& losses, Violated violated)
      : logs_(logs), losses_(losses), violated_(std::move(violated)) {}

  // Where the node keeps its data, from now on and through all its lives.
  void set_disk(NodeId node, const test::MemoryFiles& disk);
  // A node begins a new life.
  void started(NodeId node);
  // The node's own marks, and what a leader makes of what it was told.
  void look(NodeId node, const raft::Core& core);
  // What it holds now was there, though something of it is about to decay.
  void disk_will_decay(NodeId node);
  void loses_disk(NodeId node) { set_disk(node, *nodes_[node.value].disk->files); }
  // The node has told `to` how far its log has got.
  void acknowledged(NodeId from, NodeId to, const raft::AppendEntriesResponse& message, const raft::Core& core);
  // It has sent a message of this term, and given its vote in it to `vote` (0: it has not said so).
  void promised(NodeId node, Term term, NodeId vote);
  // It has answered a SET as stored.
  void answered(NodeId node, LogIndex revision, Durability durability);
  // It has answered a GET with SYNCED.
  void read_synced(NodeId node, LogIndex revision);
  // A loss of power of the node leaves the entry in its log.
  bool is_synced_in_log(NodeId node, EntryId entry) {
    return nodes_[node.value].disk->synced.holds_in_log(entry.index, entry.term);
  }
  // And in its snapshots everything up to this.
  LogIndex newest_whole_snapshot(NodeId node) const { return nodes_[node.value].disk->synced.newest_whole_snapshot(); }

 private:
  struct Disk {
    const test::MemoryFiles* files;
    LogImage written;
    LogImage synced;
    raft::HardState hard_state;  // known to be on it
  };
  // The highest marks in one node's answers to another in one term.
  struct Told {
    Term term;
    LogIndex matched;
    LogIndex written;
    LogIndex synced;
  };
  struct Node {
    std::unique_ptr<Disk> disk;
    LogIndex written;  // as the node said last, in this life
    LogIndex synced;
    EntryId snapshot;
    Term leads_in;                           // 0: it does not
    std::array<Told, max_nodes + 1> told{};  // by whom it was told
  };

  void fail(Invariant invariant, NodeId node, const std::string& what);
  void look_at_marks(NodeId node, const raft::Core& core);
  void look_at_snapshot(NodeId node, EntryId snapshot);
  void look_at_followers(NodeId node, const raft::Core& core, const raft::Leader& leader);
  void check_on_majority(NodeId node, const char* what, LogIndex revision, Durability level);
  Term term_at(const raft::Core& core, LogIndex index) const;
  void check_on_disk(NodeId node, LogIndex index, const raft::Core& core, Durability level);

  const LogOracle& logs_;
  const Losses& losses_;
  Violated violated_;
  std::array<Node, max_nodes + 1> nodes_;
};

}  // namespace strata::sim
