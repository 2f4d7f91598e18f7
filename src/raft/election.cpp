// Elections: Figure 2, RequestVote RPC and the rules for followers and candidates; sections 5.2 and 5.4.1.
#include <algorithm>
#include <limits>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

// Splitmix64: when one step draws twice, the second number follows from the first but is not like it.
static std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

TimePoint Core::draw_election_due() {
  const std::uint64_t drawn = random_ % static_cast<std::uint64_t>(config_.election_timeout.count());
  random_ = mixed(random_);
  // Whoever is sound comes first; without any, a recovering node waits for two election timeouts.
  const Duration least = standing_ == Standing::recovering ? 2 * config_.election_timeout : config_.election_timeout;
  const TimePoint due = now_ + least + Duration(static_cast<Duration::rep>(drawn));
  return standing_ == Standing::abstaining ? std::max(due, abstains_until_) : due;
}

void Core::election_timed_out() {
  // A node whose disk hangs could not keep the vote for itself; it would only disturb.
  const bool stalled = disk_stalled();
  if (stalled || !may_vote() || !may_campaign()) {
    if (stalled) {
      sometimes(Mark::stalled_node_does_not_campaign);
    }
    election_due() = draw_election_due();
    return;
  }
  if (std::holds_alternative<Candidate>(role_)) {
    sometimes(Mark::election_after_candidacy);
  }
  if (hard_state_.term == Term(std::numeric_limits<Term::number_type>::max())) {
    // There is no further term. Only a broken peer can have led here; it must not make the term go back.
    election_due() = draw_election_due();
  } else if (config_.pre_vote) {
    start_pre_vote();
  } else {
    start_election();
  }
}

void Core::start_election(bool leadership_transfer) {
  fail_reads();
  leader_last_.reset();
  set_hard_state({hard_state_.term.next(), config_.self});
  role_ = Candidate{{}, draw_election_due()};
  const RequestVote request{hard_state_.term, log_.last_index(), log_.last_term(), leadership_transfer};
  for (const NodeId member : config_.members) {
    if (member != config_.self) {
      send(member, request);
    }
  }
}

void Core::count_vote(NodeId voter, bool flagged) {
  std::get<Candidate>(role_).votes.add(voter, flagged);
  lead_if_elected();
}

// Its own vote is among them, which means that its term is on stable storage: a leader of a term that it might forget
// could vote for another in it. A recovering winner's log is, too, before it says anything as a leader.
void Core::lead_if_elected() {
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (!candidate || !candidate->votes.suffice(config_.members.size()) ||
      !candidate->votes.granted.contains(config_.self)) {
    return;
  }
  if (standing_ == Standing::recovering && synced() < log_.last_index()) {
    return;
  }
  become_leader(candidate->votes.need_flagged(config_.members.size()));
}

// Section 5.4.1.
bool Core::up_to_date(LogIndex last_log_index, Term last_log_term) const {
  return last_log_term > log_.last_term() || (last_log_term == log_.last_term() && last_log_index >= log_.last_index());
}

void Core::receive(NodeId from, const RequestVote& request) {
  const bool is_free = hard_state_.vote == NodeId(0) || hard_state_.vote == from;
  const bool granted = may_vote() && is_free && up_to_date(request.last_log_index, request.last_log_term);
  if (!granted) {
    sometimes(is_free ? Mark::vote_refused_for_log : Mark::vote_refused_for_other);
  }
  if (granted) {
    if (hard_state_.vote != from) {
      set_hard_state({hard_state_.term, from});
    } else {
      sometimes(Mark::vote_granted_again);
    }
    // A candidate's or leader's vote is its own, so this is a follower, or will be one: it waits for this candidate
    // now.
    stop_asking();
    election_due() = draw_election_due();
  }
  send(from, RequestVoteResponse{hard_state_.term, granted, granted && standing_ == Standing::recovering});
}

void Core::refuse(NodeId from, const RequestVote&) {
  send(from, RequestVoteResponse{hard_state_.term, false});
}

void Core::receive(NodeId from, const RequestVoteResponse& response) {
  if (response.vote_granted && std::holds_alternative<Candidate>(role_)) {
    count_vote(from, response.flagged);
  }
}

}  // namespace strata::raft
