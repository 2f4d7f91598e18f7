// A node that may have lost what it acknowledged (design, section 6, rules 3 and 5; reliability, 2.4).
#include <algorithm>

#include "base/sometimes.hpp"
#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

void Votes::add(NodeId voter, bool with_flag) {
  granted.insert(voter);
  if (with_flag) {
    flagged.insert(voter);
  } else {
    flagged.erase(voter);
  }
}

bool Votes::suffice(std::size_t members) const {
  return !need_flagged(members) || granted.size() == members;
}

bool Votes::need_flagged(std::size_t members) const {
  return granted.size() - flagged.size() < majority(members);
}

// A recovering node may: its vote is flagged. Unless it cannot tell how far its own log went.
bool Core::may_vote() {
  return !end_unknown_ && (standing_ != Standing::abstaining || abstention_is_over());
}

bool Core::abstention_is_over() {
  if (now_ < abstains_until_) {
    return false;
  }
  become_sound();
  return true;
}

// Told in an exchange that began after this start, by the leader of the term that this node is in. It was the leader's
// last index after everything that an earlier life of this node acknowledged in this term; so what is still to be
// counted of that is not behind it. (Its commit index would not do.) The first one is as good as any later.
void Core::note_leader_last(const AppendEntries& request) {
  if (standing_ != Standing::sound && request.recovering == incarnation_ && !leader_last_) {
    leader_last_ = request.leader_last;
  }
}

void Core::check_caught_up() {
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower && leader_last_ && std::min(synced(), follower->verified) >= *leader_last_) {
    sometimes(Mark::caught_up_after_loss);
    become_sound();
    out_.caught_up = true;
  }
}

void Core::become_sound() {
  standing_ = Standing::sound;
  end_unknown_ = false;
  leader_last_.reset();
  out_.sound_again = true;
}

}  // namespace strata::raft
