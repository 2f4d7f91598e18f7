#include "sim/oracles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace strata::sim {

namespace {

// One is always taken, whatever waits already.
constexpr std::size_t largest_message = 4 << 20;

}  // namespace

Oracles::Oracles(Violated violated, Gone gone)
    : violated_(std::move(violated)),
      gone_(std::move(gone)),
      logs_(losses_, violated_),
      claims_(logs_, losses_, violated_),
      starts_(violated_),
      state_(violated_),
      seen_() {}

void Oracles::fail(Invariant invariant, NodeId node, const std::string& what) {
  violated_(invariant, fmt::format("node {} {}", node, what));
}

void Oracles::started(NodeId node, const actors::NodeActors& actors) {
  starts_.started(node, actors.start_of_node().nonce);
  Seen& seen = seen_[node.value];
  if (!starts_.has_old_disk(node)) {
    check_kept(node, seen, actors.core().hard_state());
  }
  check_incarnation(node, seen, actors.incarnation());
  seen.hard_state = actors.core().hard_state();
  seen.last_index = LogIndex();
  seen.last_term = Term();
  seen.holes.clear();
  seen.commit = LogIndex();
  seen.applied = LogIndex();
  seen.leads_in = Term();
  seen.heard = {};
  logs_.started(node);
  claims_.started(node);
  state_.started(node);
  stepped(node, actors);
}

void Oracles::check_kept(NodeId node, const Seen& seen, const raft::HardState& found) {
  if (found.term < seen.promised_term) {
    fail(Invariant::terms_rise, node,
         fmt::format("comes back in term {} after it spoke in term {}", found.term, seen.promised_term));
  }
  // Of a vote that went with a disk, it is enough that it is not given again.
  const bool is_spent = seen.has_lost_disk && found.vote == node;
  if (found.term == seen.voted_in && found.vote != seen.voted_for && !is_spent) {
    fail(Invariant::one_vote_a_term, node,
         fmt::format("has forgotten its vote for node {} in term {}", seen.voted_for, seen.voted_in));
  }
}

void Oracles::check_incarnation(NodeId node, Seen& seen, Incarnation incarnation) {
  if (incarnation <= seen.incarnation) {
    fail(Invariant::no_past_incarnation, node,
         fmt::format("comes back as incarnation {} after {}", incarnation, seen.incarnation));
  }
  seen.incarnation = incarnation;
}

void Oracles::stepped(NodeId node, const actors::NodeActors& actors) {
  if (starts_.has_old_disk(node)) {
    return;  // what it takes itself for has no effect: nobody hears it
  }
  const raft::Core& core = actors.core();
  Seen& seen = seen_[node.value];
  check_hard_state(node, seen, core.hard_state());
  check_log(node, seen, core);
  check_leader(node, seen, core);
  check_commit(node, seen, core);
  check_applied(node, seen, actors.state());
  claims_.look(node, core);
  check_queues(node, actors);
}

void Oracles::check_hard_state(NodeId node, Seen& seen, const raft::HardState& now) {
  if (now == seen.hard_state) {
    return;
  }
  if (now.term < seen.hard_state.term) {
    fail(Invariant::terms_rise, node, fmt::format("goes back from term {} to {}", seen.hard_state.term, now.term));
  }
  if (now.term == seen.hard_state.term && seen.hard_state.vote != NodeId()) {
    fail(Invariant::one_vote_a_term, node,
         fmt::format("changes its vote in term {} from node {} to node {}", now.term, seen.hard_state.vote, now.vote));
  }
  seen.hard_state = now;
}

void Oracles::check_log(NodeId node, Seen& seen, const raft::Core& core) {
  const Term last_term = core.log().last_term();
  if (core.last_index() != seen.last_index || last_term != seen.last_term) {
    logs_.look(node, core, seen.leads_in != Term() && seen.leads_in == core.hard_state().term);
    seen.last_index = core.last_index();
    seen.last_term = last_term;
  }
  if (core.log().holes() != seen.holes) {
    logs_.look_at_holes(node, core);
    seen.holes = core.log().holes();
  }
}

void Oracles::check_leader(NodeId node, Seen& seen, const raft::Core& core) {
  const Term leads_in = core.role() == raft::Role::leader ? core.hard_state().term : Term();
  if (leads_in != Term() && leads_in != seen.leads_in) {
    const auto [leader, first] = leaders_.try_emplace(leads_in, node);
    if (leader->second != node) {
      fail(Invariant::one_leader_a_term, node,
           fmt::format("leads in term {}, and so does node {}", leads_in, leader->second));
    }
    if (const std::optional<LogIndex> gone_from = logs_.elected(node, core)) {
      forget_from(*gone_from);
    }
  }
  seen.leads_in = leads_in;
}

void Oracles::forget_from(LogIndex first) {
  state_.roll_back(LogIndex(first.value - 1),
                   [this](LogIndex index) -> const Entry& { return *logs_.committed_entry(index); });
  gone_(first);
}

void Oracles::loses_power_at_written(NodeId node) {
  logs_.lost_power(node, claims_.newest_whole_snapshot(node),
                   [this, node](EntryId entry) { return claims_.is_synced_in_log(node, entry); });
}

void Oracles::loses_disk(NodeId node) {
  Seen& seen = seen_[node.value];
  logs_.lost_disk(node);
  claims_.loses_disk(node);
  starts_.loses_disk(node);
  seen.promised_term = Term();
  // Its own vote for itself is of no use to anybody now: it does not lead, and what it sent before is not taken any
  // more.
  if (seen.voted_for == node) {
    seen.voted_in = Term();
    seen.voted_for = NodeId();
  }
  seen.incarnation = Incarnation();
  seen.has_lost_disk = true;
}

void Oracles::gets_old_disk(NodeId node) {
  loses_disk(node);
  starts_.gets_old_disk(node);
}

void Oracles::check_commit(NodeId node, Seen& seen, const raft::Core& core) {
  const LogIndex commit = core.commit_index();
  if (commit < seen.commit) {
    fail(Invariant::commit_rises, node, fmt::format("takes its commit index back from {} to {}", seen.commit, commit));
  }
  if (commit > core.last_index()) {
    fail(Invariant::applied_is_committed, node,
         fmt::format("has commit index {}, and its log ends at {}", commit, core.last_index()));
    return;
  }
  for (LogIndex index = seen.commit.next(); index <= commit; index = index.next()) {
    logs_.committed(node, core, index);
  }
  seen.commit = commit;
  while (const Entry* entry = logs_.committed_entry(state_.next())) {
    state_.commit(*entry);
  }
}

const CommittedSet* Oracles::committed(LogIndex index) const {
  return state_.stores_nothing(index) ? nullptr : logs_.committed_set(index);
}

void Oracles::check_applied(NodeId node, Seen& seen, const kv::StateMachine& state) {
  const LogIndex applied = state.applied();
  if (applied < seen.applied) {
    fail(Invariant::commit_rises, node, fmt::format("goes back from applied index {} to {}", seen.applied, applied));
  }
  if (applied > seen.commit) {
    fail(Invariant::applied_is_committed, node,
         fmt::format("has applied index {}, committed is {}", applied, seen.commit));
  }
  if (applied != seen.applied) {
    state_.look(node, state);
  }
  seen.applied = applied;
}

void Oracles::check_queues(NodeId node, const actors::NodeActors& actors) {
  // What actors owe each other comes on top of what a mailbox takes from outside, and is bounded by it.
  constexpr std::array<const char*, 5> owners{"front end", "Raft", "WAL writer", "fsync timer", "segment allocator"};
  const std::array<actors::MailboxLoad, owners.size()> loads = actors.mailboxes();
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const actors::MailboxLoad& load = loads[i];
    if (load.messages > 2 * load.limits.messages || load.bytes > 2 * load.limits.bytes + largest_message) {
      fail(Invariant::queues_are_bounded, node,
           fmt::format("has {} messages and {} bytes in the mailbox of its {}", load.messages, load.bytes, owners[i]));
    }
  }
  if (actors.pending_bytes() > actors.max_pending() + largest_message) {
    fail(Invariant::queues_are_bounded, node, fmt::format("holds {} bytes of requests", actors.pending_bytes()));
  }
  if (const raft::Leader* leader = actors.core().leading()) {
    check_flow(node, actors.core().config(), *leader);
  }
}

void Oracles::check_flow(NodeId node, const raft::Config& config, const raft::Leader& leader) {
  // Twice: its own, and what it found in its log when it was elected.
  if (leader.uncommitted_bytes > 2 * config.max_uncommitted_bytes + largest_message) {
    fail(Invariant::queues_are_bounded, node, fmt::format("has {} uncommitted bytes", leader.uncommitted_bytes));
  }
  for (const auto& [peer, progress] : leader.followers) {
    if (progress.in_flight.size() > config.window_messages ||
        progress.in_flight_bytes > config.window_bytes + config.max_append_bytes + largest_message) {
      fail(Invariant::queues_are_bounded, node,
           fmt::format("has {} messages and {} bytes on their way to node {}", progress.in_flight.size(),
                       progress.in_flight_bytes, peer));
    }
  }
}

// Its standing may have risen since it gave the vote, but not fallen.
void Oracles::check_flag(NodeId node, bool flagged, Standing standing) {
  if (standing == Standing::abstaining || (standing == Standing::recovering && !flagged)) {
    fail(Invariant::flagged_votes, node,
         fmt::format("grants a vote {} though it {}", flagged ? "with a flag" : "without a flag",
                     standing == Standing::recovering ? "is recovering" : "abstains"));
  }
}

void Oracles::promise(NodeId node, Term term) {
  Seen& seen = seen_[node.value];
  seen.promised_term = std::max(seen.promised_term, term);
  claims_.promised(node, term, NodeId());
}

void Oracles::promise_vote(NodeId node, Term term, NodeId candidate) {
  Seen& seen = seen_[node.value];
  if (term == seen.voted_in && candidate != seen.voted_for) {
    fail(Invariant::one_vote_a_term, node,
         fmt::format("votes in term {} for node {} and for node {}", term, seen.voted_for, candidate));
  }
  if (term > seen.voted_in) {
    seen.voted_in = term;
    seen.voted_for = candidate;
  }
  claims_.promised(node, term, candidate);
}

void Oracles::sent(NodeId from, NodeId to, const wire::PeerMessage& message, const actors::NodeActors& actors) {
  const auto* raft_message = std::get_if<raft::Message>(&message);
  if (raft_message == nullptr) {
    return;
  }
  starts_.sent(from, to, *raft_message);
  if (starts_.has_old_disk(from)) {
    return;
  }
  std::visit([&](const auto& any) { promise(from, any.term); }, *raft_message);
  if (const auto* request = std::get_if<raft::RequestVote>(raft_message)) {
    promise_vote(from, request->term, from);
  } else if (const auto* response = std::get_if<raft::RequestVoteResponse>(raft_message);
             response && response->vote_granted) {
    promise_vote(from, response->term, to);
    check_flag(from, response->flagged, actors.core().standing());
  } else if (const auto* agreed = std::get_if<raft::PreVoteResponse>(raft_message); agreed && agreed->vote_granted) {
    check_flag(from, agreed->flagged, actors.core().standing());
  } else if (const auto* append = std::get_if<raft::AppendEntries>(raft_message)) {
    logs_.sent(from, *append);
  } else if (const auto* answer = std::get_if<raft::AppendEntriesResponse>(raft_message)) {
    claims_.acknowledged(from, to, *answer, actors.core());
  }
}

void Oracles::taken(NodeId node, const wire::PeerEnvelope& envelope, const actors::NodeActors& actors) {
  starts_.taken(node, envelope);
  Heard& heard = seen_[node.value].heard[envelope.from.value];
  if (heard.nonce != envelope.from_nonce) {
    heard.earlier.insert(heard.nonce);
    heard.nonce = envelope.from_nonce;
  }
  const bool to_this_one = envelope.to_nonce == 0 || envelope.to_nonce == actors.start_of_node().nonce;
  if (heard.earlier.contains(heard.nonce) || !to_this_one) {
    fail(Invariant::no_past_incarnation, node,
         fmt::format("is incarnation {}, takes a message of incarnation {} of node {} to incarnation {}: {}",
                     actors.incarnation(), envelope.from_incarnation, envelope.from, envelope.to_incarnation,
                     to_this_one ? "it has heard a later start" : "another start"));
  }
}

void Oracles::replied(NodeId node, const wire::ClientReply& reply) {
  const bool with_synced = synced_requests_.erase(reply.to.packed) > 0;
  if (const auto* stored = std::get_if<wire::SetReply>(&reply.body)) {
    claims_.answered(node, stored->revision, stored->durability);
    if (with_synced && stored->durability != Durability::synced) {
      fail(Invariant::answered_survives, node,
           fmt::format("answers a SET with SYNCED at revision {} as written", stored->revision));
    }
  } else if (const auto* found = std::get_if<wire::GetReply>(&reply.body); found != nullptr && with_synced) {
    claims_.read_synced(node, found->revision);
  }
}

}  // namespace strata::sim
