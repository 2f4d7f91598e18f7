// All entries that ever were, which of them are committed, and whether the logs of all nodes fit: invariants 2 to 5 and
// 22.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "raft/core.hpp"
#include "sim/history.hpp"
#include "sim/invariants.hpp"
#include "sim/losses.hpp"
#include "sim/network.hpp"

namespace strata::sim {

class LogOracle {
 public:
  LogOracle(Losses& losses, Violated violated) : losses_(losses), violated_(std::move(violated)) {}

  // A node begins a new life.
  void started(NodeId node);
  // The log of a node may have changed. `led`: it led in its term before that, too.
  void look(NodeId node, const raft::Core& core, bool led);
  // Holes in its log may have been filled.
  void look_at_holes(NodeId node, const raft::Core& core);
  // It has become a leader. What it lacks of what was committed must be such as losses of power may cost: then it is
  // gone, from the index on that is returned, and committed no more.
  std::optional<LogIndex> elected(NodeId node, const raft::Core& core);
  // The node's machine loses power at `written`. `is_in_log` says of an entry, and of all before, that the log was
  // synced so far; the snapshots hold all up to `in_snapshot`.
  void lost_power(NodeId node, LogIndex in_snapshot, const std::function<bool(EntryId)>& is_in_log);
  // A snapshot of the node has decayed, those that are whole hold all up to `in_snapshot`. What only the other saved
  // from a loss of power has gone with the power.
  void snapshot_decays(NodeId node, LogIndex in_snapshot);
  // Its disk is lost, with all that its log held.
  void lost_disk(NodeId node);
  // The node knows this one to be committed; its log holds it.
  void committed(NodeId node, const raft::Core& core, LogIndex index);
  // Seen in a message of the node's.
  void sent(NodeId node, const raft::AppendEntries& message);
  // The SET was answered by an error that says that it was not appended and never will be.
  void refused(WriteName name);

  // What is committed at `index`; nullptr when that is no SET, or not known to be committed.
  const CommittedSet* committed_set(LogIndex index) const;
  // The entry itself; nullptr: not committed, or not seen yet.
  const Entry* committed_entry(LogIndex index) const;
  // 0: nothing is known to be committed there.
  Term committed_term(LogIndex index) const;
  LogIndex last_committed() const { return LogIndex(committed_.size()); }
  // The term of the entry in the node's log, or of what a snapshot has replaced there; 0: it has none.
  Term term_in_log(NodeId node, LogIndex index) const;

 private:
  // There is one for an index and a term, ever, and one before it.
  struct Content {
    Term term;
    std::optional<Term> before;             // of the entry before it
    std::optional<std::uint32_t> checksum;  // when the entry itself was seen
    Entry entry;
    std::optional<CommittedSet> set;
  };
  struct Committed {
    Term term;
    Term observed_in;   // term of the node that was first seen to have committed it
    bool told = false;  // its content was known and looked at
  };

  void fail(Invariant invariant, NodeId node, const std::string& what);
  void stand_on(NodeId node, EntryId base);
  void learn_place(NodeId node, const raft::Core& core, LogIndex index);
  bool may_be_gone(EntryId entry, const raft::Core& winner) const;
  void forget_from(LogIndex first);
  void take(NodeId node, const raft::Core& core, LogIndex index);
  void learn(NodeId node, const Entry& entry);
  void learn_before(NodeId node, LogIndex index, Term term, Term before);
  Content& content(LogIndex index, Term term);
  const Content* find(LogIndex index, Term term) const;
  void check_content(NodeId node, LogIndex index, Committed& known);

  Losses& losses_;
  Violated violated_;
  std::array<std::vector<Term>, max_nodes + 1> logs_;      // by node; the terms from index 1 on
  std::array<std::set<LogIndex>, max_nodes + 1> missing_;  // by node; with terms of 0 as long as they are not known
  std::array<LogIndex, max_nodes + 1> bases_{};            // of these logs: what a snapshot has replaced
  std::array<std::vector<EntryId>, max_nodes + 1> saved_;  // by node: by a snapshot, from a loss of power
  std::vector<std::vector<Content>> contents_;             // from index 1 on
  std::vector<Committed> committed_;                       // from index 1 on
  std::unordered_map<std::uint64_t, LogIndex> committed_names_;  // never iterated
  std::set<WriteName> refused_;
};

}  // namespace strata::sim
