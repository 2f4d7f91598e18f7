// The follower's side of replication: Figure 2, AppendEntries RPC, receiver; section 5.3.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::raft {

// Whether a message of round `round` of the current term's leader says less than what is known: it was sent before
// something that was heard already, and since then nothing was heard for an election timeout, or that the leader leads
// no more.
bool Core::is_outdated(Round round) const {
  if (const auto* asking = std::get_if<PreCandidate>(&role_)) {
    return round <= asking->follower.round;
  }
  const auto* follower = std::get_if<Follower>(&role_);
  return follower && follower->leader == NodeId(0) && round <= follower->round;
}

// The sender of an AppendEntries of the current term leads it (election safety). False: that cannot be true, or is not
// any more.
bool Core::follow(NodeId leader, Round round) {
  if (std::holds_alternative<Leader>(role_) || is_outdated(round)) {
    return false;
  }
  stop_asking();
  if (std::holds_alternative<Candidate>(role_)) {
    sometimes(Mark::candidate_hears_of_leader);
    role_ = Follower{};
  }
  auto& follower = std::get<Follower>(role_);
  if (follower.leader != NodeId(0) && follower.leader != leader) {
    return false;
  }
  follower.leader = leader;
  // What was sent before something that was heard already does not show that the leader lives still.
  if (round > follower.round) {
    follower.round = round;
    follower.heard = now_;
    follower.election_due = draw_election_due();
  }
  return true;
}

// Indexes follow on each other and terms never fall, as in every log.
static bool well_formed(const AppendEntries& request) {
  LogIndex index = request.prev_log_index;
  Term term = request.prev_log_term;
  for (const Entry& entry : request.entries) {
    index = index.next();
    if (entry.index != index || entry.term < term) {
      return false;
    }
    term = entry.term;
  }
  return term <= request.term;
}

void Core::receive(NodeId from, AppendEntries& request) {
  if (!follow(from, request.round) || !well_formed(request)) {
    return;
  }
  drop_compacted(request);
  note_leader_last(request);
  auto& follower = std::get<Follower>(role_);
  if (!log_.matches(request.prev_log_index, request.prev_log_term)) {
    reject(from, request);
    return;
  }
  const LogIndex last = request.prev_log_index + request.entries.size();
  take_entries(request.entries);
  follower.verified = std::max(follower.verified, last);
  commit_to(std::min(request.leader_commit, follower.verified));
  durable_ = std::max(durable_, std::min(request.leader_durable, follower.verified));
  check_caught_up();
  // Entries are answered when they are as safe as an acknowledgement has to be (answer_persisted), a heartbeat at once.
  if (last == request.prev_log_index || acknowledged_mark() >= last) {
    answer(follower, request.round);
  }
}

// What lies before the base of the log is committed, so a leader has the same there: it is as if the request began at
// the base.
void Core::drop_compacted(AppendEntries& request) const {
  const EntryId base = log_.base();
  if (request.prev_log_index >= base.index) {
    return;
  }
  const std::uint64_t before = std::min<std::uint64_t>(base.index - request.prev_log_index, request.entries.size());
  const auto kept = request.entries.begin() + static_cast<std::ptrdiff_t>(before);
  if (before > 0 && std::prev(kept)->index == base.index) {
    STRATA_ASSERT(std::prev(kept)->term == base.term);
  }
  request.entries.erase(request.entries.begin(), kept);
  request.prev_log_index = base.index;
  request.prev_log_term = base.term;
}

// Receiver implementation 3 and 4. What is there already stays, with all that follows it: the message may be an old
// one.
void Core::take_entries(std::vector<Entry>& entries) {
  fill_holes(entries);
  const auto first_new =
      std::ranges::find_if(entries, [&](const Entry& entry) { return !log_.matches(entry.index, entry.term); });
  if (first_new == entries.end()) {
    if (!entries.empty()) {
      sometimes(Mark::append_repeated);
    }
    return;
  }
  if (first_new->index <= log_.last_index()) {
    sometimes(Mark::entries_overridden);
    truncate_after(first_new->index - 1);
    auto& follower = std::get<Follower>(role_);
    follower.verified = std::min(follower.verified, log_.last_index());
  }
  entries.erase(entries.begin(), first_new);
  append(std::move(entries));
}

// A sender of an earlier term: all that it needs to know is the term. The round would be taken for one of this term, in
// which the sender may lead again: nothing of that is answered.
void Core::refuse(NodeId from, const AppendEntries&) {
  AppendEntriesResponse response;
  response.term = hard_state_.term;
  send(from, response);
}

// Of the hole that holds `index`.
static LogIndex first_of_hole(const Log& log, LogIndex index) {
  return std::ranges::find_if(log.holes(), [index](const Hole& hole) { return hole.last >= index; })->first;
}

// There is no entry that matches prev_log_index and prev_log_term.
void Core::reject(NodeId from, const AppendEntries& request) {
  AppendEntriesResponse response;
  response.term = hard_state_.term;
  response.round = request.round;
  response.recovering = recovering_as();
  response.disk_full = disk_.full;
  if (request.prev_log_index > log_.last_index()) {
    sometimes(Mark::log_too_short);
    response.conflict_index = log_.last_index().next();
  } else if (!log_.knows_term(request.prev_log_index)) {
    response.conflict_index = first_of_hole(log_, request.prev_log_index);
  } else {
    sometimes(Mark::log_conflicts);
    // Whatever else may conflict, what is verified or committed does not.
    const LogIndex known = std::max(std::get<Follower>(role_).verified, commit_index_);
    const LogIndex run = log_.first_index_of_run(request.prev_log_index);
    response.conflict_index = std::min(std::max(run, known.next()), request.prev_log_index);
    response.conflict_term = log_.term_at(request.prev_log_index);
  }
  send(from, response);
}

void Core::answer(Follower& follower, Round round) {
  AppendEntriesResponse response;
  response.term = hard_state_.term;
  response.success = true;
  response.round = round;
  response.recovering = recovering_as();
  response.disk_full = disk_.full;
  response.matched = follower.verified;
  // At `synced` it claims no more than that: were its leader at `written`, it would be counted, and a loss of power
  // that leaves this node sound might take it.
  response.written = follower.told_written = std::min(acknowledged_mark(), follower.verified);
  response.synced = follower.told_synced = std::min(synced(), follower.verified);
  ask_for_missing(response);
  send(follower.leader, response);
}

// A disk write has ended: one answer for all requests that waited for it.
void Core::answer_persisted(Follower& follower) {
  const bool more_synced = std::min(synced(), follower.verified) > follower.told_synced;
  const bool more_written = std::min(acknowledged_mark(), follower.verified) > follower.told_written;
  if ((more_synced || more_written) && follower.leader != NodeId(0)) {
    answer(follower, follower.round);
  }
}

}  // namespace strata::raft
