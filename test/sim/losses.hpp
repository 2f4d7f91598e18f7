// What losses of power, and of disks, may cost, and what they have cost. At `--ack written` a node acknowledges what
// only its kernel holds: an entry that was committed may go when every node that held it loses power before its sync,
// and only then (design, section 6).
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "sim/history.hpp"
#include "sim/network.hpp"

namespace strata::sim {

class Losses {
 public:
  // The node's log had this entry, not known to be synced, when its machine lost power at `written`.
  void may_have_taken(NodeId node, EntryId entry) { taken_[node.value].insert({entry.index, entry.term}); }
  bool may_have_taken_from(NodeId node, EntryId entry) const {
    return taken_[node.value].contains({entry.index, entry.term});
  }
  // The node's log had this entry when its disk was lost, synced perhaps.
  void went_with_disk(NodeId node, EntryId entry) {
    may_have_taken(node, entry);
    with_disks_[node.value].insert({entry.index, entry.term});
  }
  bool has_gone_with_disk(NodeId node, EntryId entry) const {
    return with_disks_[node.value].contains({entry.index, entry.term});
  }
  // So many nodes held it, and perhaps do not any more.
  std::size_t losers(EntryId entry) const;

  // This SET was committed at `revision` and is gone.
  void is_gone(LogIndex revision, WriteName name) { gone_.insert({revision, name}); }
  bool has_gone(LogIndex revision, WriteName name) const { return gone_.contains({revision, name}); }

 private:
  std::array<std::set<std::pair<LogIndex, Term>>, max_nodes + 1> taken_;
  std::array<std::set<std::pair<LogIndex, Term>>, max_nodes + 1> with_disks_;
  std::set<std::pair<LogIndex, WriteName>> gone_;
};

}  // namespace strata::sim
