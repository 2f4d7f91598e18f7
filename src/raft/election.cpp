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
  return now_ + config_.election_timeout + Duration(static_cast<Duration::rep>(drawn));
}

void Core::election_timed_out() {
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
  set_hard_state({hard_state_.term.next(), config_.self});
  role_ = Candidate{{}, draw_election_due()};
  const RequestVote request{hard_state_.term, log_.last_index(), log_.last_term(), leadership_transfer};
  for (const NodeId member : config_.members) {
    if (member != config_.self) {
      send(member, request);
    }
  }
}

void Core::count_vote(NodeId voter) {
  auto& votes = std::get<Candidate>(role_).votes;
  votes.insert(voter);
  // Its own vote is among them, which means that its term is on stable storage: a leader of a term that it might forget
  // could vote for another in it.
  if (votes.size() >= majority(config_.members.size()) && votes.contains(config_.self)) {
    become_leader();
  }
}

// Section 5.4.1.
bool Core::up_to_date(LogIndex last_log_index, Term last_log_term) const {
  return last_log_term > log_.last_term() || (last_log_term == log_.last_term() && last_log_index >= log_.last_index());
}

void Core::receive(NodeId from, const RequestVote& request) {
  const bool may_vote = hard_state_.vote == NodeId(0) || hard_state_.vote == from;
  const bool granted = may_vote && up_to_date(request.last_log_index, request.last_log_term);
  if (!granted) {
    sometimes(may_vote ? Mark::vote_refused_for_log : Mark::vote_refused_for_other);
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
  send(from, RequestVoteResponse{hard_state_.term, granted});
}

void Core::refuse(NodeId from, const RequestVote&) {
  send(from, RequestVoteResponse{hard_state_.term, false});
}

void Core::receive(NodeId from, const RequestVoteResponse& response) {
  if (response.vote_granted && std::holds_alternative<Candidate>(role_)) {
    count_vote(from);
  }
}

}  // namespace strata::raft
