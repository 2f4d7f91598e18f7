// Leadership transfer (thesis, section 3.10).
#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "base/sometimes.hpp"
#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

void Core::on(const TransferLeadership& event) {
  auto* leader = std::get_if<Leader>(&role_);
  if (!leader) {
    return;
  }
  const NodeId target = event.target == NodeId(0) ? best_successor() : event.target;
  if (is_peer(target)) {
    leader->transfer = Transfer{target, now_ + config_.election_timeout};
  }
}

// Of those who were heard as lately as a majority was, whoever has most of the log: one that is gone may have all of
// it.
NodeId Core::best_successor() const {
  const auto& followers = leading()->followers;
  if (followers.empty()) {
    return NodeId(0);
  }
  std::vector<Round> answered;
  answered.reserve(followers.size());
  for (const auto& [node, progress] : followers) {
    answered.push_back(progress.answered);
  }
  std::ranges::sort(answered, std::greater<>());
  const Round lately = answered[majority(config_.members.size()) - 2];  // this leader is of the majority
  const Progress* best = nullptr;
  NodeId successor;
  for (const auto& [node, progress] : followers) {
    if (progress.answered >= lately && (!best || progress.match_index > best->match_index)) {
      best = &progress;
      successor = node;
    }
  }
  return successor;
}

// Not before all is committed: what is not would be in doubt for those who asked for it, though nothing is wrong.
void Core::hand_over() {
  auto* leader = std::get_if<Leader>(&role_);
  if (!leader || !leader->transfer || leader->transfer->told) {
    return;
  }
  const LogIndex last = log_.last_index();
  if (commit_index_ == last && leader->followers.at(leader->transfer->target).match_index == last) {
    leader->transfer->told = true;
    send(leader->transfer->target, TimeoutNow{hard_state_.term});
  }
}

// No pre-vote: the others still hear from the leader. No wait: the leader takes no more proposals.
void Core::receive(NodeId from, const TimeoutNow&) {
  const auto* follower = std::get_if<Follower>(&role_);
  const bool more_terms = hard_state_.term < Term(std::numeric_limits<Term::number_type>::max());
  if (follower && follower->leader == from && more_terms) {
    sometimes(Mark::election_for_transfer);
    start_election(true);
  }
}

}  // namespace strata::raft
