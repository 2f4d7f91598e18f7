#include "actors/raft_actor.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

namespace {

// How often a full disk is asked for room.
constexpr Duration between_tries = std::chrono::milliseconds(500);

template <class Content>
void move_to_end(std::vector<Content>& from, std::vector<Content>& to) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
}

std::size_t bytes_of(const std::vector<Entry>& entries) {
  std::size_t bytes = 0;
  for (const Entry& entry : entries) {
    bytes += entry.body.size() + sizeof entry;
  }
  return bytes;
}

std::string_view reason_of(raft::DiskState disk) {
  switch (disk) {
    case raft::DiskState::works:
      return "";
    case raft::DiskState::full:
      return ": its disk is full";
    case raft::DiskState::stalled:
      return ": its disk hangs";
    case raft::DiskState::failed:
      return ": its disk has failed";
  }
  assertion_failed("a state without a name");
}

bool carries_entries(const raft::Received& received) {
  const auto* append = std::get_if<raft::AppendEntries>(&received.message);
  return append != nullptr && !append->entries.empty();
}

}  // namespace

RaftActor::RaftActor(raft::Config config, raft::Restored restored, RaftActorLinks links)
    : links_(std::move(links)),
      core_(std::move(config), std::move(restored), links_.clock.now(), links_.random()),
      now_(links_.clock.now()),
      committed_told_(core_.commit_index()) {}

boost::asio::awaitable<void> RaftActor::run() {
  alarm_ = links_.clock.make_alarm([this] { links_.mailbox.post_owed(Tick(), 0); });
  step(raft::TimePassed());
  flush();
  for (;;) {
    auto batch = co_await links_.mailbox.receive();
    if (batch.empty()) {
      break;
    }
    now_ = links_.clock.now();
    for (RaftMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
    // Last: a leader's message that waited in the same batch must be able to prevent the election.
    if (std::exchange(ticked_, false)) {
      step(raft::TimePassed());
    }
    try_disk_again();
    flush();
    end_if_handed_over();
  }
  alarm_.reset();
}

void RaftActor::on(PeerMessages& messages) {
  for (raft::Received& received : messages.messages) {
    // As if the network had lost it; the leader sends it again.
    if (carries_entries(received) && writer_is_behind()) {
      sometimes(Mark::writer_behind);
      continue;
    }
    note_answer(received);
    step(std::move(received));
  }
}

void RaftActor::on(raft::Propose& propose) {
  if (writer_is_behind()) {
    const raft::ProposalsRefused refused{propose.id, raft::RefusalReason::too_much_uncommitted};
    links_.front_end.post_owed(raft::ProposalsRefused(refused), sizeof refused);
    return;
  }
  step(std::move(propose));
}

void RaftActor::on(const raft::Read& read) {
  step(read);
}

void RaftActor::forget_unwritten(raft::WriteId up_to) {
  while (!unwritten_.empty() && unwritten_.front().id <= up_to) {
    unwritten_bytes_ -= unwritten_.front().bytes;
    unwritten_.pop_front();
  }
}

void RaftActor::on(const WrittenUpTo& written) {
  forget_unwritten(written.id);
  step(raft::Persisted{written.id, Durability::written});
}

void RaftActor::on(const SyncedUpTo& synced) {
  if (synced.took) {
    syncs_.add(*synced.took);
  }
  synced_ = std::max(synced_, synced.end);  // two tell it
  forget_unwritten(synced.id);
  step(raft::Persisted{synced.id, Durability::synced});
}

void RaftActor::on(const raft::SyncBegun& begun) {
  step(begun);
}

void RaftActor::on(const raft::DiskSpace& space) {
  if (space.full) {
    links_.logger.warning(
        "the disk is full: there is no room for the next segment of the log. SETs are refused, reads and votes go on");
    try_disk_at_ = now_ + between_tries;
  } else {
    links_.logger.info("the disk has room for the log again");
    try_disk_at_.reset();
  }
  step(space);
}

void RaftActor::on(const raft::DiskFailed& failed) {
  step(failed);
}

void RaftActor::try_disk_again() {
  if (try_disk_at_ && now_ >= *try_disk_at_) {
    links_.wal.post_owed(TryDiskAgain(), 0);
    try_disk_at_ = now_ + between_tries;
    set_alarm();
  }
}

void RaftActor::on(const raft::HardStateSaved& saved) {
  if (held_.size() > 1) {
    sometimes(Mark::messages_held_for_two_votes);
  }
  while (!held_.empty()) {
    const bool last = held_.front().hard_state == saved.hard_state;
    for (raft::Outgoing& outgoing : held_.front().messages) {
      to_peers_.emplace_back(outgoing.to, std::move(outgoing.message));
    }
    held_.pop_front();
    if (last) {
      break;
    }
  }
  step(saved);
}

void RaftActor::on(const raft::Recorded& recorded) {
  step(recorded);
}

void RaftActor::on(raft::Fetched& fetched) {
  step(std::move(fetched));
}

void RaftActor::on(const SnapshotSaved& saved) {
  // The core first: from now on it asks for nothing of what goes.
  step(raft::SnapshotTaken{saved.index, saved.released});
  links_.wal.post_owed(ReleaseLog{saved.released}, sizeof(ReleaseLog));
}

void RaftActor::on(SnapshotReceived& received) {
  received_ = std::move(received.state);
  step(raft::SnapshotStored{received.last_included, 0, true});
  if (received_) {
    links_.snapshots.post_owed(Discard{std::move(received_)}, 0);
  }
}

void RaftActor::on(raft::SnapshotRead& read) {
  step(std::move(read));
}

void RaftActor::on(const raft::SnapshotStored& stored) {
  step(stored);
}

void RaftActor::on(const Tick&) {
  ticked_ = true;
}

void RaftActor::on(const HandOver& order) {
  if (core_.leading() == nullptr) {
    links_.mailbox.close();
    return;
  }
  hand_over_by_ = now_ + order.patience;
  step(raft::TransferLeadership());
}

// It has handed over when another is known to lead: until then its vote may be needed.
void RaftActor::end_if_handed_over() {
  if (!hand_over_by_) {
    return;
  }
  const raft::Leader* leading = core_.leading();
  const bool under_way = leading != nullptr ? leading->transfer.has_value() : core_.leader() == NodeId();
  if (!under_way || now_ >= *hand_over_by_) {
    links_.mailbox.close();
  }
}

void RaftActor::step(raft::Event event) {
  raft::Output output = core_.step(std::move(event), now_, links_.random());
  persist(output);
  send(output);
  answer_front_end(output);
  if (core_.admission() != Admission::member || output.joined || output.turned_away) {
    note_admission(output);
  }
  wake_at_ = output.wake_at;
  set_alarm();
}

void RaftActor::set_alarm() {
  TimePoint first = wake_at_;
  for (const std::optional<TimePoint>& other : {hand_over_by_, try_disk_at_}) {
    first = std::min(first, other.value_or(first));
  }
  alarm_->set(first);
}

void RaftActor::save_state(raft::Output& output) {
  if (output.hard_state) {
    held_.push_back({*output.hard_state, {}});
  }
  if (output.hard_state || output.record) {
    SaveState state{output.hard_state, std::move(output.record)};
    const PostResult posted = links_.wal.post_owed(std::move(state), sizeof(SaveState));
    STRATA_ASSERT(posted == PostResult::accepted);
  }
}

void RaftActor::persist(raft::Output& output) {
  save_state(output);
  if (output.repair) {
    const std::vector<Entry>& entries = output.repair->entries;
    links_.logger.info("log: {} damaged entries are repaired, indexes {} to {}", entries.size(), entries.front().index,
                       entries.back().index);
    const std::size_t bytes = bytes_of(entries);
    unwritten_.push_back({output.repair->id, bytes});
    unwritten_bytes_ += bytes;
    RepairLog repair{std::move(*output.repair), {synced_, core_.commit_index()}};
    const PostResult posted = links_.wal.post_owed(std::move(repair), bytes);
    STRATA_ASSERT(posted == PostResult::accepted);
  }
  if (output.append) {
    const std::size_t bytes = bytes_of(output.append->entries);
    unwritten_.push_back({output.append->id, bytes});
    unwritten_bytes_ += bytes;
    AppendEntriesToLog append{std::move(*output.append), {synced_, core_.commit_index()}};
    const PostResult posted = links_.wal.post_owed(std::move(append), bytes);
    STRATA_ASSERT(posted == PostResult::accepted);
  }
  if (output.sound_again) {
    links_.wal.post_owed(RecordSound(), 0);
    links_.logger.info("{}votes like any other again",
                       output.caught_up ? "holds again all that it ever acknowledged, and " : "");
  }
  for (const raft::Fetch& fetch : output.fetches) {
    links_.wal.post_owed(fetch, sizeof fetch);
  }
  if (output.install) {
    install(*output.install, output.install_keeps_log);
  }
  for (const raft::ReadSnapshot& read : output.read_snapshot) {
    links_.snapshots.post_owed(read, sizeof read);
  }
  if (output.store_snapshot) {
    const std::size_t bytes = output.store_snapshot->data.size();
    links_.snapshots.post_owed(std::move(*output.store_snapshot), bytes);
  }
}

void RaftActor::install(EntryId last_included, bool keeps_log) {
  STRATA_ASSERT(received_ && received_->applied() == last_included.index);
  flush();  // what was committed before
  if (!keeps_log) {
    const RestartLog restart{last_included, {synced_, core_.commit_index()}};
    const PostResult posted = links_.wal.post_owed(restart, sizeof restart);
    STRATA_ASSERT(posted == PostResult::accepted);
  }
  // Nothing of the log stays before it.
  links_.wal.post_owed(ReleaseLog{last_included.index}, sizeof(ReleaseLog));
  committed_told_ = last_included.index;
  links_.front_end.post_owed(InstallState{std::move(received_), last_included.term}, 0);
}

void RaftActor::send(raft::Output& output) {
  for (raft::Outgoing& outgoing : output.send) {
    note_round(outgoing);
    to_peers_.emplace_back(outgoing.to, std::move(outgoing.message));
  }
  if (!output.send_after_hard_state.empty()) {
    STRATA_ASSERT(!held_.empty());
    move_to_end(output.send_after_hard_state, held_.back().messages);
  }
}

void RaftActor::note_round(const raft::Outgoing& outgoing) {
  const auto* append = std::get_if<raft::AppendEntries>(&outgoing.message);
  if (append != nullptr && append->round != round_) {
    round_ = append->round;
    round_sent_ = now_;
  }
}

void RaftActor::note_answer(const raft::Received& received) {
  const auto* answer = std::get_if<raft::AppendEntriesResponse>(&received.message);
  if (answer != nullptr && answer->round == round_) {
    round_trips_[received.from] = now_ - round_sent_;
  }
}

void RaftActor::answer_front_end(raft::Output& output) {
  if (output.proposals_appended) {
    links_.front_end.post_owed(*output.proposals_appended, sizeof(raft::ProposalsAppended));
  }
  if (output.proposals_refused) {
    links_.front_end.post_owed(*output.proposals_refused, sizeof(raft::ProposalsRefused));
  }
  move_to_end(output.committed, committed_.entries);
  move_to_end(output.reads_ready, reads_ready_.reads);
  move_to_end(output.reads_failed, reads_failed_.reads);
  if (output.leadership) {
    // What was committed before the change is told before it.
    flush();
    log_leadership(*output.leadership);
    leadership_ = *output.leadership;
    links_.front_end.post_owed(leadership_, sizeof leadership_);
  }
}

void RaftActor::flush() {
  tell_committed();
  if (!reads_ready_.reads.empty()) {
    links_.front_end.post_owed(std::exchange(reads_ready_, {}), sizeof reads_ready_);
  }
  if (!reads_failed_.reads.empty()) {
    links_.front_end.post_owed(std::exchange(reads_failed_, {}), sizeof reads_failed_);
  }
  if (!to_peers_.empty()) {
    links_.peers.send(std::exchange(to_peers_, {}));
  }
}

void RaftActor::tell_committed() {
  const LogIndex told = std::exchange(durable_, std::max(durable_, core_.durable()));
  if (committed_.entries.empty()) {
    if (durable_ > told && told < committed_told_) {
      links_.front_end.post_owed(DurableUpTo{durable_}, 0);
    }
    return;
  }
  committed_told_ = committed_.entries.back().index;
  // At `synced` nothing else is committed, though a follower may hear only later how far the others have synced.
  if (core_.config().ack == Durability::synced) {
    durable_ = std::max(durable_, committed_told_);
  }
  committed_.durable = durable_;
  const std::size_t bytes = bytes_of(committed_.entries);
  links_.front_end.post_owed(std::exchange(committed_, {}), bytes);
}

// Nothing is ever lost silently. Of a leader that has not committed in its term, so its first entry is in memory.
void RaftActor::log_generation() {
  const LogIndex first = core_.leading()->term_start;
  if (core_.log().entry(first).type == EntryType::new_generation) {
    links_.logger.warning(
        "the election needed the votes of members that may have lost what they acknowledged: behind index {}, what was "
        "answered as written may be lost, or replaced by what it had replaced; a new generation begins at index {}, in "
        "term {}",
        core_.commit_index(), first, core_.hard_state().term);
  }
}

void RaftActor::log_leadership(const raft::Leadership& now) {
  leadership_.recovering = now.recovering;
  if (now == leadership_) {
    return;  // nobody leads who did not
  }
  if (now.role == raft::Role::leader) {
    const bool served = leadership_.role == raft::Role::leader && leadership_.ready;
    const std::string_view not_ready = served ? "hands over the leadership" : "won the election";
    links_.logger.info("{} in term {}{}", now.ready ? "leads and serves" : not_ready, now.term,
                       served && !now.ready ? reason_of(core_.disk_state()) : "");
    if (!now.ready && !served) {
      log_generation();
    }
  } else if (now.role == raft::Role::pre_candidate) {
    links_.logger.info("hears no leader in term {}; asks whether it would be elected", now.term);
  } else if (now.role == raft::Role::candidate) {
    links_.logger.info("asks for votes in term {}", now.term);
  } else if (now.leader != NodeId()) {
    links_.logger.info("follows node {} in term {}", now.leader, now.term);
  } else {
    links_.logger.info("knows no leader in term {}", now.term);
  }
}

void RaftActor::on(const StatusWanted& wanted) {
  RaftStatus status;
  status.request = wanted.request;
  status.role = core_.role();
  status.disk = core_.disk_state();
  status.recovering = core_.standing() == Standing::recovering || core_.is_silent();
  status.admission = core_.admission();
  status.waits_for = core_.waits_for();
  status.leader = core_.leader();
  status.term = core_.hard_state().term;
  status.commit = core_.commit_index();
  status.first = core_.last_index() == LogIndex() ? LogIndex() : core_.log().base().index.next();
  status.snapshot = core_.snapshot().index;
  status.written = core_.written();
  status.synced = core_.synced();
  status.durable = std::max(durable_, core_.durable());
  if (const raft::Leader* leading = core_.leading()) {
    for (const auto& [id, progress] : leading->followers) {
      const auto round_trip = std::chrono::duration_cast<std::chrono::microseconds>(round_trips_[id]);
      status.peers.push_back({id, progress.match_index, progress.match_synced, progress.state, progress.disk_full,
                              round_trip.count(), progress.transfer});
    }
  }
  status.syncs = {syncs_.count(), syncs_.quantile_us(0.5), syncs_.quantile_us(0.99), syncs_.max_us()};
  links_.front_end.post_owed(std::move(status), sizeof(RaftStatus));
}

}  // namespace strata::actors
