// What must always hold (design, section 7), looked at from outside: after everything that a node does, and in every
// message that it sends. One instance sees all nodes over all their lives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/node_actors.hpp"
#include "base/ids.hpp"
#include "raft/core.hpp"
#include "sim/history.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::sim {

class Oracles {
 public:
  // `fail` is told what is wrong; it may be told more than once.
  explicit Oracles(std::function<void(std::string)> fail) : fail_(std::move(fail)) {}

  // A node has opened its data directory and is about to start.
  void started(NodeId node, const actors::NodeActors& actors);
  // Something of the node has run.
  void stepped(NodeId node, const actors::NodeActors& actors);
  // A promise to others: from now on it must be kept, whatever happens to the node.
  void sent(NodeId from, NodeId to, const wire::PeerMessage& message);
  // The SET was answered by an error that says that it was not appended and never will be.
  void refused(WriteName name);

  // What is committed at `index`; nullptr when that is no SET, or one that was repeated and had been done before, or
  // not known to be committed.
  const CommittedSet* committed(LogIndex index) const;
  LogIndex last_committed() const { return LogIndex(committed_.size()); }
  std::size_t elections() const { return leaders_.size(); }

 private:
  // Of one node, over all its lives.
  struct Seen {
    raft::HardState hard_state;  // newest in memory, in this life
    LogIndex commit;             // of this life
    Term promised_term;          // highest in a message that was sent
    Term voted_in;               // and the newest vote that was told to anybody
    NodeId voted_for;
    bool leads = false;
  };
  // An entry that was seen in a message or in a node's memory. There is one for an index and a term, ever.
  struct Content {
    Term term;
    std::uint32_t checksum = 0;
    std::optional<CommittedSet> set;
  };
  struct Committed {
    Term term;
    Term observed_in;     // term of the node that was first seen to have committed it
    bool told = false;    // its content was known and looked at
    bool repeat = false;  // of what is committed before
  };

  void fail(NodeId node, const std::string& what);
  void check_hard_state(NodeId node, Seen& seen, const raft::HardState& now);
  void check_commit(NodeId node, Seen& seen, const raft::Core& core);
  void check_committed(NodeId node, const raft::Core& core, LogIndex index);
  void learn(NodeId node, const Entry& entry);
  const Content* content(LogIndex index, Term term) const;
  void check_content(NodeId node, LogIndex index, Committed& known);
  void check_leader(NodeId node, Seen& seen, const raft::Core& core);
  void check_completeness(NodeId node, const raft::Core& core);
  void promise(NodeId node, Term term);
  void promise_vote(NodeId node, Term term, NodeId candidate);

  std::function<void(std::string)> fail_;
  std::map<NodeId, Seen> seen_;
  std::map<Term, NodeId> leaders_;
  std::vector<std::vector<Content>> contents_;                   // from index 1 on
  std::vector<Committed> committed_;                             // from index 1 on
  std::unordered_map<std::uint64_t, LogIndex> committed_names_;  // never iterated
  std::set<WriteName> refused_;
};

}  // namespace strata::sim
