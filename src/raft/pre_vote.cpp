// Pre-vote (thesis, section 9.6): a node asks whether it would be elected before it raises its term, so that one who
// cannot win, or need not, disturbs nobody. And no election while a leader lives (section 4.2.3).
#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::raft {

void Core::start_pre_vote() {
  fail_reads();
  PreCandidate asking;
  if (auto* follower = std::get_if<Follower>(&role_)) {
    asking.follower = std::move(*follower);
  } else if (auto* asked = std::get_if<PreCandidate>(&role_)) {
    asking.follower = std::move(asked->follower);
  }
  asking.follower.election_due = draw_election_due();
  asking.ask_again = now_;
  role_ = std::move(asking);
  ask_for_pre_votes();
  count_pre_vote(config_.self, standing_ == Standing::recovering);
}

// As often as a heartbeat: an answer or a question may be lost, and who has heard from the leader a little later than
// this node refuses only for as long.
void Core::ask_for_pre_votes() {
  auto& asking = std::get<PreCandidate>(role_);
  if (now_ < asking.ask_again) {
    return;
  }
  asking.ask_again = now_ + config_.heartbeat_interval;
  for (const NodeId member : config_.members) {
    if (member != config_.self && !asking.votes.granted.contains(member)) {
      send(member, PreVote{hard_state_.term, log_.last_index(), log_.last_term()});
    }
  }
}

void Core::count_pre_vote(NodeId voter, bool flagged) {
  Votes& votes = std::get<PreCandidate>(role_).votes;
  votes.add(voter, flagged);
  if (votes.suffice(config_.members.size())) {
    start_election();
  }
}

// A pre-candidate is a follower again.
void Core::stop_asking() {
  if (auto* asking = std::get_if<PreCandidate>(&role_)) {
    role_ = Follower(std::move(asking->follower));
  }
}

// Heard from within the least time after which an election may begin; a leader: its followers were.
bool Core::leader_lives() const {
  if (leading()) {
    return config_.check_quorum && !quorum_lost();
  }
  const auto* follower = std::get_if<Follower>(&role_);
  return follower && follower->leader != NodeId(0) && now_ < follower->heard + config_.election_timeout;
}

// An election that nobody needs: its term is not taken over. The candidate learns that it is not wanted from the
// leader's next message, and the leader of the candidate's term from the answer to that.
bool Core::disturbs(const RequestVote& request) const {
  return config_.pre_vote && request.term > hard_state_.term && !request.leadership_transfer && leader_lives();
}

// The sender would campaign in the term after its own. One that is behind could not be given a vote in that: it must
// learn of the newer term first, or two could refuse each other for ever, one for its term and one for its log. Whose
// disk hangs could not vote when it comes to that.
void Core::receive(NodeId from, const PreVote& request) {
  const bool granted = request.term >= hard_state_.term && may_vote() && !disk_stalled() && !leader_lives() &&
                       up_to_date(request.last_log_index, request.last_log_term);
  if (!granted) {
    sometimes(leader_lives() ? Mark::pre_vote_refused_for_leader : Mark::pre_vote_refused_for_log);
  }
  send(from, PreVoteResponse{hard_state_.term, request.term, granted, granted && standing_ == Standing::recovering});
}

void Core::receive(NodeId from, const PreVoteResponse& response) {
  const bool counts = response.vote_granted && response.asked == hard_state_.term;
  if (counts && std::holds_alternative<PreCandidate>(role_)) {
    count_pre_vote(from, response.flagged);
  }
}

}  // namespace strata::raft
