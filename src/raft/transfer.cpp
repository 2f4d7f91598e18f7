// Leadership transfer (thesis, section 3.10).
#include <algorithm>
#include <functional>
#include <limits>
#include <tuple>
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

// The newest round that a majority has answered, this leader among it.
Round Core::heard_lately() const {
  std::vector<Round> answered;
  answered.reserve(config_.members.size());
  for (const auto& [node, progress] : leading()->followers) {
    answered.push_back(progress.answered);
  }
  std::ranges::sort(answered, std::greater<>());
  return answered[majority(config_.members.size()) - 2];
}

// Of those who were heard as lately as a majority was, whoever has most of the log on its disk, and room for more: one
// that is gone may have all of it.
NodeId Core::best_successor() const {
  const auto& followers = leading()->followers;
  if (followers.empty()) {
    return NodeId(0);
  }
  const Round lately = heard_lately();
  const auto rank = [this](const Progress& progress) {
    return std::tuple(!progress.disk_full, acknowledged(progress), progress.match_index);
  };
  const Progress* best = nullptr;
  NodeId successor;
  for (const auto& [node, progress] : followers) {
    const bool may_campaign = progress.recovering == Incarnation() && progress.answered >= lately;
    if (may_campaign && (!best || rank(progress) > rank(*best))) {
      best = &progress;
      successor = node;
    }
  }
  return successor;
}

// It came to nothing. But a leader whose disk hangs is in the way of those whose disks do not: without it they elect
// one of themselves.
void Core::give_up_transfer() {
  if (disk_stalled() && majority_moved_on()) {
    sometimes(Mark::stalled_leader_steps_down);
    step_down();
    return;
  }
  std::get<Leader>(role_).transfer.reset();
  disk_.give_way_again = now_ + config_.election_timeout;
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
  if (follower && follower->leader == from && more_terms && standing_ == Standing::sound && !disk_stalled()) {
    sometimes(Mark::election_for_transfer);
    start_election(true);
  }
}

}  // namespace strata::raft
