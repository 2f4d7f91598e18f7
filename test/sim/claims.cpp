#include "sim/claims.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace strata::sim {

void Claims::fail(Invariant invariant, NodeId node, const std::string& what) {
  violated_(invariant, fmt::format("node {} {}", node, what));
}

void Claims::set_disk(NodeId node, const test::MemoryFiles& disk) {
  nodes_[node.value].disk =
      std::make_unique<Disk>(Disk{&disk, LogImage(node, disk, false), LogImage(node, disk, true), raft::HardState()});
}

void Claims::started(NodeId node) {
  Node& known = nodes_[node.value];
  known.disk->written.begin_with(known.disk->synced);
  known.written = LogIndex();
  known.synced = LogIndex();
  known.snapshot = EntryId();
  known.leads_in = Term();
}

void Claims::disk_will_decay(NodeId node) {
  Disk& disk = *nodes_[node.value].disk;
  disk.written.look();
  disk.synced.look();
}

void Claims::look(NodeId node, const raft::Core& core) {
  look_at_snapshot(node, core.snapshot());
  look_at_marks(node, core);
  nodes_[node.value].leads_in = core.leading() != nullptr ? core.hard_state().term : Term();
  if (const raft::Leader* leader = core.leading()) {
    look_at_followers(node, core, *leader);
  }
}

void Claims::look_at_marks(NodeId node, const raft::Core& core) {
  if (core.synced() > core.written() || core.written() > core.last_index() || core.durable() > core.last_index()) {
    fail(Invariant::marks_in_order, node,
         fmt::format("has synced {}, written {}, last index {}; durable is {}", core.synced(), core.written(),
                     core.last_index(), core.durable()));
    return;
  }
  Node& known = nodes_[node.value];
  if (core.synced() != known.synced) {
    known.synced = core.synced();
    check_on_disk(node, known.synced, core, Durability::synced);
  }
  if (core.written() != known.written) {
    known.written = core.written();
    check_on_disk(node, known.written, core, Durability::written);
  }
}

void Claims::look_at_snapshot(NodeId node, EntryId snapshot) {
  Node& known = nodes_[node.value];
  if (snapshot == known.snapshot) {
    return;
  }
  known.snapshot = snapshot;
  if (!known.disk->synced.holds_snapshot(snapshot)) {
    fail(Invariant::acknowledged_is_on_disk, node,
         fmt::format("takes a snapshot up to the entry {} of term {} for synced, which it is not", snapshot.index,
                     snapshot.term));
  }
}

// What a snapshot has replaced is what was committed there.
Term Claims::term_at(const raft::Core& core, LogIndex index) const {
  return index < core.log().base().index ? logs_.committed_term(index) : core.log().term_at(index);
}

void Claims::check_on_disk(NodeId node, LogIndex index, const raft::Core& core, Durability level) {
  const Term term = term_at(core, index);
  Disk& disk = *nodes_[node.value].disk;
  const bool synced = level == Durability::synced;
  if (!(synced ? disk.synced : disk.written).holds(index, term)) {
    fail(Invariant::acknowledged_is_on_disk, node,
         fmt::format("takes the entry {} of term {} for {}, which it is not", index, term,
                     synced ? "synced" : "written"));
  }
}

void Claims::look_at_followers(NodeId node, const raft::Core& core, const raft::Leader& leader) {
  for (const auto& [peer, progress] : leader.followers) {
    const Told& told = nodes_[peer.value].told[node.value];
    if (told.term > core.hard_state().term) {
      continue;  // the leader does not know yet that it is none any more
    }
    const bool of_this_term = told.term == core.hard_state().term;
    const LogIndex matched = of_this_term ? told.matched : LogIndex();
    const LogIndex written = of_this_term ? told.written : LogIndex();
    const LogIndex synced = of_this_term ? told.synced : LogIndex();
    if (progress.match_index > matched || progress.match_written > written || progress.match_synced > synced) {
      fail(Invariant::match_index_is_true, node,
           fmt::format("believes that node {} has matched {}, written {}, synced {}, and was told {}, {}, {}", peer,
                       progress.match_index, progress.match_written, progress.match_synced, matched, written, synced));
    }
  }
}

void Claims::acknowledged(NodeId from, NodeId to, const raft::AppendEntriesResponse& message, const raft::Core& core) {
  Told& told = nodes_[from.value].told[to.value];
  if (told.term != message.term) {
    told = {message.term, LogIndex(), LogIndex(), LogIndex()};
  }
  if (!message.success) {
    return;
  }
  told.matched = std::max(told.matched, message.matched);
  told.written = std::max(told.written, message.written);
  told.synced = std::max(told.synced, message.synced);
  // Within one batch the node may have gone on to another term after it made this answer.
  if (core.hard_state().term != message.term) {
    return;
  }
  const bool in_log = message.matched <= core.last_index();
  const Term term = in_log ? term_at(core, message.matched) : Term();
  const bool leads = nodes_[to.value].leads_in == message.term;
  if (!in_log || (leads && logs_.term_in_log(to, message.matched) != term)) {
    fail(Invariant::match_index_is_true, from,
         fmt::format("tells node {} in term {} that their logs are equal up to {}, which they are not", to,
                     message.term, message.matched));
    return;
  }
  check_on_disk(from, message.written, core, Durability::written);
  check_on_disk(from, message.synced, core, Durability::synced);
}

void Claims::promised(NodeId node, Term term, NodeId vote) {
  Disk& disk = *nodes_[node.value].disk;
  const auto kept = [&] {
    const raft::HardState& held = disk.hard_state;
    return held.term > term || (held.term == term && (vote == NodeId() || held.vote == vote));
  };
  if (kept()) {
    return;
  }
  disk.hard_state = durable_hard_state(*disk.files);
  if (!kept()) {
    fail(Invariant::promised_is_on_disk, node,
         fmt::format("speaks in term {} with a vote for node {}; on its disk are term {} and a vote for node {}", term,
                     vote, disk.hard_state.term, disk.hard_state.vote));
  }
}

void Claims::answered(NodeId node, LogIndex revision, Durability durability) {
  check_on_majority(node, "SET", revision, durability);
}

void Claims::read_synced(NodeId node, LogIndex revision) {
  check_on_majority(node, "GET", revision, Durability::synced);
}

void Claims::check_on_majority(NodeId node, const char* what, LogIndex revision, Durability level) {
  const Term term = logs_.committed_term(revision);
  std::size_t members = 0;
  std::size_t holders = 0;
  for (std::uint16_t id = 1; id <= max_nodes; ++id) {
    Node& known = nodes_[id];
    if (known.disk) {
      const bool is_synced = level == Durability::synced;
      LogImage& image = is_synced ? known.disk->synced : known.disk->written;
      // It held the entry when it said so.
      const EntryId entry{revision, term};
      const bool has_held =
          is_synced ? losses_.has_gone_with_disk(NodeId(id), entry) : losses_.may_have_taken_from(NodeId(id), entry);
      members += 1;
      holders += has_held || image.holds(revision, term) ? 1u : 0u;
    }
  }
  if (term == Term() || holders <= members / 2) {
    fail(Invariant::answered_survives, node,
         fmt::format("answers a {} at revision {} as {}, which {} of {} members have", what, revision, name_of(level),
                     holders, members));
  }
}

}  // namespace strata::sim
