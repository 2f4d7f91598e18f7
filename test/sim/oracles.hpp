// What must always hold (docs/invariants.md), looked at from outside: after everything that a node does, and in every
// message that it sends. One instance sees all nodes over all their lives.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "actors/node_actors.hpp"
#include "base/ids.hpp"
#include "raft/core.hpp"
#include "sim/claims.hpp"
#include "sim/history.hpp"
#include "sim/invariants.hpp"
#include "sim/known_starts.hpp"
#include "sim/log_oracle.hpp"
#include "sim/losses.hpp"
#include "sim/network.hpp"
#include "sim/state_oracle.hpp"
#include "wire/client_protocol.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::sim {

class Oracles {
 public:
  // What was committed from an index on is gone, as losses of power may cost it.
  using Gone = std::function<void(LogIndex)>;

  Oracles(Violated violated, Gone gone);

  // Where a member keeps its data through all its lives. Before its first start.
  void set_disk(NodeId node, const test::MemoryFiles& disk) {
    claims_.set_disk(node, disk);
    starts_.set_disk(node, disk);
  }
  // A node has opened its data directory and is about to start.
  void started(NodeId node, const actors::NodeActors& actors);
  // Something of the node has run.
  void stepped(NodeId node, const actors::NodeActors& actors);
  // The node's machine is about to lose power, and its cluster runs at `written`.
  void loses_power_at_written(NodeId node);
  // Something on the node's disk is about to decay, of which the node may have heard nothing yet.
  void disk_will_decay(NodeId node) { claims_.disk_will_decay(node); }
  // A snapshot of the node has decayed.
  void snapshot_decays(NodeId node) { logs_.snapshot_decays(node, claims_.newest_whole_snapshot(node)); }
  // Its disk is about to become empty. What it has told stays true, and that it has voted.
  void loses_disk(NodeId node);
  // Or an old one of its own, of which all others have recorded a later start: nobody is to hear what it says then.
  void gets_old_disk(NodeId node);
  // A promise to others: from now on it must be kept, whatever happens to the node. `actors` are the sender's.
  void sent(NodeId from, NodeId to, const wire::PeerMessage& message, const actors::NodeActors& actors);
  // The node has taken a message: what was refused is not told.
  void taken(NodeId node, const wire::PeerEnvelope& envelope, const actors::NodeActors& actors);
  // A client sends a request with SYNCED.
  void asked_for_synced(const wire::ClientAddress& from) { synced_requests_.insert(from.packed); }
  // The node has answered a client.
  void replied(NodeId node, const wire::ClientReply& reply);
  // The end of a run: the node has nothing to do.
  void ended(NodeId node, const actors::NodeActors& actors) { state_.compare(node, actors.state()); }
  // The SET was answered by an error that says that it was not appended and never will be.
  void refused(WriteName name) { logs_.refused(name); }

  // What is committed at `index`; nullptr when that is no SET, or one that stored nothing because it was a repeat or
  // its session may have been forgotten, or not known to be committed.
  const CommittedSet* committed(LogIndex index) const;
  LogIndex last_committed() const { return logs_.last_committed(); }
  // The SET was committed at `revision`, and losses of power have taken it.
  bool has_gone(LogIndex revision, WriteName name) const { return losses_.has_gone(revision, name); }
  std::size_t elections() const { return leaders_.size(); }

 private:
  // Of a sender: the nonce of its newest start, and of those before it.
  struct Heard {
    std::uint64_t nonce = 0;
    std::set<std::uint64_t> earlier;
  };
  // Of one node, over all its lives.
  struct Seen {
    raft::HardState hard_state;  // newest in memory, in this life
    LogIndex last_index;         // of this life's log
    Term last_term;
    std::vector<Hole> holes;
    LogIndex commit;  // of this life
    LogIndex applied;
    Term leads_in;       // 0: it does not
    Term promised_term;  // highest in a message that was sent
    Term voted_in;       // and the newest vote that was told to anybody
    NodeId voted_for;
    Incarnation incarnation;  // of its newest directory
    bool has_lost_disk = false;
    std::array<Heard, max_nodes + 1> heard{};  // by sender, in this life
  };

  void fail(Invariant invariant, NodeId node, const std::string& what);
  void check_kept(NodeId node, const Seen& seen, const raft::HardState& found);
  void check_incarnation(NodeId node, Seen& seen, Incarnation incarnation);
  void check_hard_state(NodeId node, Seen& seen, const raft::HardState& now);
  void check_log(NodeId node, Seen& seen, const raft::Core& core);
  void check_leader(NodeId node, Seen& seen, const raft::Core& core);
  void check_commit(NodeId node, Seen& seen, const raft::Core& core);
  void check_applied(NodeId node, Seen& seen, const kv::StateMachine& state);
  void check_queues(NodeId node, const actors::NodeActors& actors);
  void check_flow(NodeId node, const raft::Config& config, const raft::Leader& leader);
  void check_flag(NodeId node, bool flagged, Standing standing);
  void promise(NodeId node, Term term);
  void promise_vote(NodeId node, Term term, NodeId candidate);

  void forget_from(LogIndex first);

  Violated violated_;
  Gone gone_;
  Losses losses_;
  LogOracle logs_;
  Claims claims_;
  KnownStarts starts_;
  StateOracle state_;
  std::array<Seen, max_nodes + 1> seen_;
  std::map<Term, NodeId> leaders_;
  std::set<Bytes> synced_requests_;  // by their address
};

}  // namespace strata::sim
