// Whether a leader is still heard by a majority: for reads, and to step down when it is not (thesis, section 6.2).
#include <algorithm>

#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

// This leader included.
bool Core::answered_by_majority(Round round) const {
  const auto answered = std::ranges::count_if(leading()->followers,
                                              [&](const auto& follower) { return follower.second.answered >= round; });
  return static_cast<std::size_t>(answered) + 1 >= majority(config_.members.size());
}

void Core::note_beat() {
  auto& leader = std::get<Leader>(role_);
  if (config_.check_quorum) {
    leader.beats.push_back({leader.round, now_});
    note_contact();
  }
}

void Core::note_contact() {
  auto& beats = std::get<Leader>(role_).beats;
  while (beats.size() > 1 && answered_by_majority(beats[1].round)) {
    beats.pop_front();
  }
}

// Its election is a leader's first contact.
TimePoint Core::quorum_due() const {
  const bool alone = config_.members.size() == 1;
  return alone || !config_.check_quorum ? TimePoint::max() : leading()->beats.front().begun + config_.election_timeout;
}

bool Core::quorum_lost() const {
  return now_ >= quorum_due();
}

// The term goes on without a leader: nobody else can have been elected in it.
void Core::step_down() {
  fail_reads();
  Follower follower;
  follower.election_due = draw_election_due();
  role_ = std::move(follower);
}

}  // namespace strata::raft
