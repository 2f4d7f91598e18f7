// A disk that hangs, is full, or has failed (design, section 5; reliability, 2.3 W3 and section 3, 51 and 52). The core
// knows of its disk what it has handed out and what it was told of, and when. No message waits for what is not said
// here: heartbeats, reads and the votes of an older term go on whatever the disk does.
#include <algorithm>

#include "base/sometimes.hpp"
#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

// Within one more a successor serves, if there is one.
static constexpr int stall_patience = 2;  // election timeouts

void Core::on(SyncBegun event) {
  if (!disk_.sync) {
    disk_.sync = DiskWatch::Sync{event.id, now_};
  }
}

void Core::on(DiskSpace event) {
  disk_.full = event.full;
  if (leading()) {
    give_way_for_disk();
  }
}

// At once: what the others lack of the log, they shall not wait for. What was proposed here and is not known to be
// committed is in doubt.
void Core::on(DiskFailed) {
  disk_.failed = true;
  if (leading()) {
    sometimes(Mark::leader_with_failed_disk);
    if (const NodeId successor = best_successor(); successor != NodeId(0)) {
      send(successor, TimeoutNow{hard_state_.term});
    }
    step_down();
  } else if (std::holds_alternative<Candidate>(role_)) {
    step_down();
  } else {
    stop_asking();
  }
}

void Core::disk_moved(Persisted event) {
  disk_.moved = now_;
  disk_.written = std::max(disk_.written, event.id);
  if (event.level == Durability::synced && disk_.sync && disk_.sync->id <= event.id) {
    disk_.sync.reset();
  }
}

// None: everything is in the kernel. The ids have no gap.
const Core::Write* Core::first_unwritten() const {
  const auto first = std::ranges::upper_bound(writes_, disk_.written, {}, &Write::id);
  return first == writes_.end() ? nullptr : &*first;
}

// Nothing: it owes nothing.
std::optional<TimePoint> Core::disk_owes_since() const {
  std::optional<TimePoint> since;
  const auto owes = [&since](TimePoint from) { since = std::min(since.value_or(from), from); };
  if (hard_state_ != saved_hard_state_) {
    owes(disk_.hard_state_since);
  }
  // What waits for room is not owed; term and vote have theirs.
  if (const Write* write = first_unwritten(); write != nullptr && !disk_.full) {
    owes(write->since);
  }
  if (disk_.sync) {
    owes(disk_.sync->begun);
  }
  return since;
}

// A disk that is slow, but moves, does not hang: with a queue before it each thing may wait for long.
bool Core::disk_stalled() const {
  if (disk_.failed) {
    return true;
  }
  const std::optional<TimePoint> since = disk_owes_since();
  return config_.watch_disk && since &&
         now_ >= std::max(*since, disk_.moved) + stall_patience * config_.election_timeout;
}

DiskState Core::disk_state() const {
  if (disk_.failed) {
    return DiskState::failed;
  }
  const DiskState moving = disk_.full ? DiskState::full : DiskState::works;
  return disk_stalled() ? DiskState::stalled : moving;
}

// The last entry of what this leader's disk does not get done.
LogIndex Core::disk_waits_at() const {
  const Write* waiting = first_unwritten();
  if (disk_.sync) {
    const auto synced = std::ranges::lower_bound(writes_, disk_.sync->id, {}, &Write::id);
    waiting = synced == writes_.end() ? waiting : &*synced;
  }
  return waiting != nullptr ? waiting->last : LogIndex();
}

// What counts for a commit.
LogIndex Core::acknowledged(const Progress& progress) const {
  return config_.ack == Durability::synced ? progress.match_synced : progress.match_written;
}

// Its disk has done what this leader's does not.
bool Core::has_moved_on(const Progress& progress) const {
  return acknowledged(progress) >= disk_waits_at();
}

// So many that they can elect one of themselves and commit without this node. Otherwise nothing is won by its giving
// way: it still serves reads.
bool Core::majority_moved_on() const {
  const auto& followers = leading()->followers;
  if (followers.empty()) {
    return false;
  }
  const Round lately = heard_lately();
  const auto moved = std::ranges::count_if(followers, [&](const auto& follower) {
    return follower.second.answered >= lately && has_moved_on(follower.second);
  });
  return static_cast<std::size_t>(moved) >= majority(config_.members.size());
}

// For new entries: here, and on a majority.
bool Core::has_room() const {
  const auto full =
      std::ranges::count_if(leading()->followers, [](const auto& follower) { return follower.second.disk_full; });
  return !disk_.full && config_.members.size() - static_cast<std::size_t>(full) >= majority(config_.members.size());
}

void Core::give_way_for_disk() {
  auto& leader = std::get<Leader>(role_);
  const bool hangs = disk_stalled() && majority_moved_on();
  if (leader.transfer || now_ < disk_.give_way_again || !(hangs || disk_.full)) {
    return;
  }
  const NodeId successor = best_successor();
  if (successor == NodeId(0)) {
    return;
  }
  const Progress& progress = leader.followers.at(successor);
  if (hangs ? has_moved_on(progress) : !progress.disk_full) {
    sometimes(hangs ? Mark::stalled_leader_hands_over : Mark::full_leader_hands_over);
    leader.transfer = Transfer{successor, now_ + config_.election_timeout};
  }
}

}  // namespace strata::raft
