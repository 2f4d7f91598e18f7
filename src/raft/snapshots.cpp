// Snapshots: the log gives way to them, and followers that are too far behind are sent one (section 7, Figure 13). What
// a snapshot holds is the driver's business; the core knows the entry up to which it reaches, and its size.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::raft {

// A chunk that was not answered for so many heartbeat intervals counts as lost.
static constexpr int chunk_patience = 3;

void Core::on(const SnapshotTaken& event) {
  STRATA_ASSERT(event.index <= commit_index_ && event.released <= event.index);
  if (event.index > snapshot_.index) {
    snapshot_ = {event.index, log_.term_at(event.index)};
  }
  if (event.released > log_.base().index) {
    log_.compact(event.released);
  }
}

// ---- Leader ----

void Core::begin_transfer(NodeId to, Progress& progress) {
  sometimes(Mark::snapshot_sent);
  progress.send_snapshot(snapshot_, now_);
  read_chunk(to, *progress.transfer);
}

void Core::read_chunk(NodeId to, Progress::Transfer& transfer) {
  transfer.on_its_way.reset();
  if (reading_.insert(to).second) {
    out_.read_snapshot.push_back({to, transfer.last_included, transfer.offset, config_.max_chunk_bytes});
  }
}

void Core::on(SnapshotRead event) {
  const std::size_t asked = reading_.erase(event.peer);
  STRATA_ASSERT(asked == 1);
  auto* leader = std::get_if<Leader>(&role_);
  auto* transfer = leader ? &leader->followers.at(event.peer).transfer : nullptr;
  if (!transfer || !*transfer) {
    return;
  }
  if ((*transfer)->last_included != event.last_included || (*transfer)->offset != event.offset) {
    read_chunk(event.peer, **transfer);  // read for an earlier transfer
  } else if (event.size == 0) {
    // The next beat begins anew, with what is the newest snapshot then.
    sometimes(Mark::snapshot_gone_while_sent);
    leader->followers.at(event.peer).end_transfer();
  } else {
    (*transfer)->size = event.size;
    send_chunk(event.peer, **transfer, std::move(event.data));
  }
}

void Core::send_chunk(NodeId to, Progress::Transfer& transfer, SharedBytes data) {
  auto& leader = std::get<Leader>(role_);
  leader.last_chunk = leader.last_chunk.next();
  transfer.on_its_way = leader.last_chunk;
  transfer.due = now_ + chunk_patience * config_.heartbeat_interval;
  InstallSnapshot chunk;
  chunk.term = hard_state_.term;
  chunk.round = leader.round;
  chunk.chunk = leader.last_chunk;
  chunk.last_included = transfer.last_included;
  chunk.offset = transfer.offset;
  chunk.done = transfer.offset + data.size() == transfer.size;
  chunk.data = std::move(data);
  send(to, std::move(chunk));
}

// With every beat of the timer. When the follower has all of it, it is only asked whether that is still so: it may have
// restarted before it was done.
void Core::send_chunks_again() {
  for (auto& [node, progress] : std::get<Leader>(role_).followers) {
    auto& transfer = progress.transfer;
    if (!transfer || now_ < transfer->due || reading_.contains(node)) {
      continue;
    }
    sometimes(Mark::chunk_sent_again);
    if (transfer->offset == transfer->size) {
      send_chunk(node, *transfer, {});
    } else {
      read_chunk(node, *transfer);
    }
  }
}

void Core::receive(NodeId from, const InstallSnapshotResponse& response) {
  Progress* progress = answered(from, response.round);
  if (progress == nullptr) {
    return;
  }
  auto& transfer = progress->transfer;
  // Only the newest chunk's answer counts: each leads to the next chunk, so an earlier one's would double all that
  // follows.
  if (transfer && transfer->on_its_way == response.chunk && response.offset <= transfer->size) {
    transfer->offset = response.offset;
    transfer->on_its_way.reset();
    if (transfer->offset < transfer->size) {
      read_chunk(from, *transfer);
    }
  }
  confirm_reads();
}

// ---- Follower ----

void Core::receive(NodeId from, InstallSnapshot& request) {
  const bool well_formed = request.last_included.term <= request.term && request.last_included.index > LogIndex(0);
  if (!follow(from, request.round) || !well_formed) {
    return;
  }
  if (holds(request.last_included)) {
    // Receiver implementation 6: what follows stays, and the entry itself is now known to be committed.
    sometimes(Mark::snapshot_not_needed);
    auto& follower = std::get<Follower>(role_);
    follower.verified = std::max(follower.verified, request.last_included.index);
    commit_to(request.last_included.index);
    answer(follower, request.round);
  } else if (takes(request)) {
    store(request);
  }
}

// Receiver implementation 1.
// The term alone: round and chunk would be taken for those of this term.
void Core::refuse(NodeId from, const InstallSnapshot&) {
  InstallSnapshotResponse response;
  response.term = hard_state_.term;
  send(from, response);
}

// The log has, or had, this committed entry.
bool Core::holds(EntryId entry) const {
  if (!log_.holes().empty() && log_.holes().front().first <= entry.index) {
    return false;
  }
  const bool there = log_.matches(entry.index, entry.term);
  STRATA_ASSERT(there || entry.index < log_.base().index || entry.index > commit_index_);
  return there || entry.index < log_.base().index;
}

// Whether the chunk belongs to the snapshot that is coming, or to one that takes its place. The chunks of a leader's
// earlier snapshot may still be on their way when it sends a newer one.
bool Core::takes(const InstallSnapshot& request) {
  const bool same = incoming_ && incoming_->last_included == request.last_included;
  if (incoming_ && !same && request.term == incoming_->term &&
      request.last_included.index < incoming_->last_included.index) {
    return false;
  }
  if (!same) {
    sometimes(incoming_ ? Mark::snapshot_replaced_on_way : Mark::snapshot_begins_to_come);
    incoming_ = Incoming{};
    incoming_->last_included = request.last_included;
  }
  const bool same_leader = incoming_->term == request.term;
  incoming_->chunk = same_leader ? std::max(incoming_->chunk, request.chunk) : request.chunk;
  incoming_->term = request.term;
  return true;
}

void Core::store(InstallSnapshot& request) {
  Incoming& incoming = *incoming_;
  if (incoming.storing) {
    // Answered when that is done; but the last part may take long, and the leader may know that it has arrived.
    if (incoming.whole) {
      answer_chunk(incoming.stored);
    }
    return;
  }
  if (request.offset != incoming.stored || (request.data.size() == 0 && !request.done)) {
    sometimes(Mark::chunk_out_of_place);
    answer_chunk(incoming.stored);
    return;
  }
  incoming.storing = true;
  incoming.whole = request.done;
  if (request.done) {
    incoming.stored += request.data.size();
    answer_chunk(incoming.stored);
  }
  out_.store_snapshot = StoreSnapshot{request.last_included, request.offset, std::move(request.data), request.done};
}

void Core::on(const SnapshotStored& event) {
  if (event.durable) {
    install(event.last_included);
  } else if (incoming_ && incoming_->last_included == event.last_included) {
    incoming_->storing = incoming_->whole = false;
    incoming_->stored = event.stored;
    // What could not be stored, for want of room perhaps, is sent again in the leader's time, not at once.
    if (event.stored > 0) {
      answer_chunk(event.stored);
    }
  }
}

void Core::answer_chunk(std::uint64_t offset) {
  const auto* follower = std::get_if<Follower>(&role_);
  if (!follower || follower->leader == NodeId(0) || incoming_->term != hard_state_.term) {
    return;  // nobody waits for it any more
  }
  InstallSnapshotResponse response;
  response.term = hard_state_.term;
  response.round = follower->round;
  response.chunk = incoming_->chunk;
  response.offset = offset;
  send(follower->leader, response);
}

// Receiver implementation 5 to 8. The snapshot is on stable storage, so the node holds all of it even if the log on its
// disk is still the old one.
void Core::install(EntryId last_included) {
  if (incoming_ && incoming_->last_included.index <= last_included.index) {
    incoming_.reset();
  }
  if (last_included.index > snapshot_.index) {
    snapshot_ = last_included;
  }
  if (holds(last_included)) {
    commit_to(last_included.index);
  } else if (log_.may_hold(last_included)) {
    skip_missing(last_included);
  } else {
    sometimes(Mark::snapshot_installed);
    restart_log(last_included);
  }
  if (auto* follower = std::get_if<Follower>(&role_); follower && follower->leader != NodeId(0)) {
    follower->verified = std::max(follower->verified, last_included.index);
    check_caught_up();
    answer(*follower, follower->round);
  }
}

void Core::restart_log(EntryId base) {
  STRATA_ASSERT(!leading());  // a leader has every committed entry
  log_.restart(base);
  repairs_.clear();
  for (Write& write : writes_) {
    write.last = std::min(write.last, base.index);
  }
  commit_index_ = written_ = synced_ = base.index;
  if (auto* follower = std::get_if<Follower>(&role_)) {
    follower->verified = std::min(follower->verified, base.index);
  }
  out_.install = base;
}

}  // namespace strata::raft
