// Who takes part, and whom the others take messages of: starts on data directories that are known, and no others
// (design, section 6, rule 6). It goes by what the disks would have after a loss of power.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "base/ids.hpp"
#include "raft/core.hpp"
#include "sim/invariants.hpp"
#include "sim/network.hpp"
#include "support/memory_files.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::sim {

class KnownStarts {
 public:
  explicit KnownStarts(Violated violated) : violated_(std::move(violated)) {}

  void set_disk(NodeId node, const test::MemoryFiles& disk);
  void started(NodeId node, std::uint64_t nonce);
  void loses_disk(NodeId node);
  // An old one of its own is back, of which all others have recorded a later start.
  void gets_old_disk(NodeId node);
  bool has_old_disk(NodeId node) const { return seen_[node.value].has_old_disk; }

  void sent(NodeId from, NodeId to, const raft::Message& message);
  void taken(NodeId node, const wire::PeerEnvelope& envelope);

 private:
  struct Seen {
    const test::MemoryFiles* disk = nullptr;
    bool is_admitted = false;  // all have its directory on their disks
    bool has_lost_disk = false;
    bool has_old_disk = false;
    std::set<std::uint64_t> outdated;                  // starts on a disk that was put back
    std::set<std::uint64_t> recorded;                  // starts of others that its disk had when it told them so
    std::array<std::uint64_t, max_nodes + 1> heard{};  // by sender: the start of which a message was taken last
    Term bound_in;  // the newest term in which it gave a vote to another or acknowledged what another had
  };

  void fail(NodeId node, const std::string& what);
  void bind(Seen& from, const raft::Message& message);
  void check_admission(NodeId node, Seen& seen);
  void check_return(NodeId node, const Seen& seen);
  void note_recorded(Seen& seen, NodeId of, const raft::Message& message);

  Violated violated_;
  std::array<Seen, max_nodes + 1> seen_{};
};

}  // namespace strata::sim
