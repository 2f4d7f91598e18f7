#include "actors/wal_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

WalWriter::WalWriter(std::unique_ptr<wal::Log> log, std::unique_ptr<wal::MetadataFile> metadata,
                     std::uint64_t segment_size, Durability ack, WalMailbox& mailbox, RaftMailbox& raft,
                     FsyncMailbox& fsync, AllocatorMailbox& allocator, std::function<void(const Error&)> on_failure)
    : log_(std::move(log)),
      metadata_(std::move(metadata)),
      spare_from_(segment_size / 2),
      ack_(ack),
      mailbox_(mailbox),
      raft_(raft),
      fsync_(fsync),
      allocator_(allocator),
      on_failure_(std::move(on_failure)) {}

boost::asio::awaitable<void> WalWriter::run() {
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      co_return;
    }
    for (WalMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
    write_gathered();
  }
}

void WalWriter::on(SaveState& state) {
  write_gathered();
  if (poisoned_) {
    return;
  }
  wal::Metadata metadata = metadata_->current();
  if (state.hard_state) {
    metadata.term = state.hard_state->term;
    metadata.vote = state.hard_state->vote;
  }
  if (state.record) {
    metadata.members = std::move(state.record->members);
    metadata.admission = state.record->admission;
  }
  save(std::move(metadata));
  if (!poisoned_ && state.hard_state) {
    raft_.post_owed(raft::HardStateSaved{*state.hard_state}, sizeof(raft::HardState));
  }
  if (!poisoned_ && state.record) {
    raft_.post_owed(raft::Recorded{state.record->id}, sizeof(raft::Recorded));
  }
}

void WalWriter::save(wal::Metadata metadata) {
  metadata.synced = std::max(metadata.synced, synced_);
  if (const Result<void> saved = metadata_->save(metadata); !saved) {
    fail(saved.error());
  }
}

void WalWriter::on(const RecordSound&) {
  wal::Metadata metadata = metadata_->current();
  if (!poisoned_ && metadata.run.recovering) {
    metadata.run.recovering = false;
    save(metadata);
  }
}

void WalWriter::mark_clean_end() {
  if (!poisoned_) {
    wal::Metadata metadata = metadata_->current();
    metadata.run.ended_cleanly = true;
    metadata.synced = log_->end();
    save(metadata);
  }
}

void WalWriter::on(AppendEntriesToLog& append) {
  std::vector<Entry>& entries = append.append.entries;
  std::vector<Entry>& gathered = gathered_.entries;
  if (!gathered.empty() && gathered.back().index.next() != entries.front().index) {
    write_gathered();
  }
  if (gathered.empty()) {
    gathered = std::move(entries);
  } else {
    sometimes(Mark::writes_gathered);
    gathered.insert(gathered.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  }
  gathered_.in_haste = gathered_.in_haste || append.append.sync_at_once;
  gathered_.id = append.append.id;
  gathered_.marks = append.marks;
  synced_ = append.marks.synced;
}

void WalWriter::write_gathered() {
  if (!gathered_.entries.empty()) {
    perform_in_order(std::exchange(gathered_, {}));
  }
}

bool WalWriter::perform(const Gathered& gathered) {
  const wal::Position before = log_->end();
  auto target = log_->append(gathered.entries, gathered.marks);
  if (!target) {
    return give_up(target.error());
  }
  if (target->end.segment != before.segment && written_up_to_ != raft::WriteId()) {
    raft_.post_owed(SyncedUpTo{written_up_to_, before, std::nullopt}, sizeof(SyncedUpTo));
  }
  is_written({gathered.id, std::move(*target), gathered.in_haste});
  // Not sooner: the disk is busy enough when a node starts. A full disk is tried again when Raft says so.
  if (needs_spare() && !full_) {
    ask_for_spare();
  }
  return true;
}

bool WalWriter::perform(const RepairLog& repair) {
  auto target = log_->repair(repair.repair.entries, repair.marks);
  if (!target) {
    return give_up(target.error());
  }
  is_written({repair.repair.id, std::move(*target), repair.repair.sync_at_once});
  return true;
}

// Raft is told of it directly, not by way of the fsync timer: at `written` no answer waits for a sync, nor for the one
// before it.
void WalWriter::is_written(Written written) {
  written_up_to_ = written.id;
  if (ack_ == Durability::written) {
    sometimes(Mark::written_before_synced);
    raft_.post_owed(WrittenUpTo{written.id}, sizeof(WrittenUpTo));
  }
  fsync_.post_owed(std::move(written), sizeof(Written));
}

bool WalWriter::perform(const RestartLog& restart) {
  const Result<void> restarted = log_->restart(restart.base, restart.marks);
  return restarted || give_up(restarted.error());
}

bool WalWriter::perform(const ReleaseLog& release) {
  std::vector<std::string> released = log_->release(release.up_to);
  if (!released.empty()) {
    allocator_.post_owed(RemoveSegments{std::move(released)}, 0);
  }
  return true;
}

// What waits for room stays in order. But what gives room back goes before entries: its snapshot holds all that it
// takes away.
void WalWriter::perform_in_order(Waiting work) {
  if (poisoned_) {
    return;
  }
  const auto is_entries = [](const Waiting& waiting) { return std::holds_alternative<Gathered>(waiting); };
  const bool goes_first = std::holds_alternative<ReleaseLog>(work) && std::ranges::all_of(waiting_, is_entries);
  const bool may_go = waiting_.empty() || goes_first;
  if (!may_go || !std::visit([this](const auto& content) { return perform(content); }, work)) {
    sometimes(Mark::write_waits_for_room);
    waiting_.push_back(std::move(work));
  }
}

void WalWriter::perform_waiting() {
  while (!poisoned_ && !waiting_.empty() &&
         std::visit([this](const auto& content) { return perform(content); }, waiting_.front())) {
    waiting_.pop_front();
  }
}

// False: it waits for room. Anything else than a lack of that poisons.
bool WalWriter::give_up(const Error& error) {
  if (error.kind == ErrorKind::no_space) {
    has_room(false);
    return false;
  }
  fail(error);
  return true;
}

void WalWriter::on(const raft::Fetch& fetch) {
  write_gathered();
  raft::Fetched fetched{fetch.peer, {}};
  std::size_t bytes = 0;
  // The log may have become shorter since the question was asked, at either end.
  const bool within = fetch.first >= log_->first_index() && fetch.first <= log_->last_index();
  const bool there = within && !rarely(RareWay::fetch_finds_nothing);
  if (!there) {
    sometimes(Mark::fetch_outside_log);
  }
  if (!poisoned_ && there) {
    auto entries = log_->read(fetch.first, std::min(fetch.last, log_->last_index()), fetch.max_bytes);
    if (!entries) {
      fail(entries.error());
      return;
    }
    fetched.entries = std::move(*entries);
    for (const Entry& entry : fetched.entries) {
      bytes += entry.body.size();
    }
  }
  raft_.post_owed(std::move(fetched), bytes);
}

void WalWriter::on(RepairLog& repair) {
  write_gathered();
  perform_in_order(std::move(repair));
}

void WalWriter::on(const RestartLog& restart) {
  write_gathered();
  perform_in_order(restart);
}

void WalWriter::on(const ReleaseLog& release) {
  write_gathered();
  perform_in_order(release);
}

void WalWriter::on(SpareReady& ready) {
  spare_wanted_ = false;
  if (ready.spare) {
    log_->give_spare(std::move(ready.spare));
    perform_waiting();
    has_room(waiting_.empty());
  } else if (ready.no_room) {
    has_room(false);
  }
}

void WalWriter::on(const TryDiskAgain&) {
  write_gathered();
  perform_waiting();
  if (waiting_.empty() && !needs_spare()) {
    has_room(true);
  } else {
    ask_for_spare();
  }
}

void WalWriter::has_room(bool room) {
  if (full_ == room && !poisoned_) {
    full_ = !room;
    raft_.post_owed(raft::DiskSpace{full_}, sizeof(raft::DiskSpace));
  }
}

bool WalWriter::needs_spare() const {
  return log_->end().offset >= spare_from_ && log_->wants_spare();
}

void WalWriter::ask_for_spare() {
  if (spare_wanted_ || poisoned_) {
    return;
  }
  if (const auto sequence = log_->wants_spare()) {
    spare_wanted_ = allocator_.post_owed(PrepareSpare{*sequence}, 0) == PostResult::accepted;
  }
}

void WalWriter::fail(const Error& error) {
  poisoned_ = true;
  on_failure_(error);
}

}  // namespace strata::actors
