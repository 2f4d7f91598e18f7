#include "actors/fsync_timer.hpp"

#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

FsyncTimer::FsyncTimer(Duration interval, Durability ack, Clock& clock, FsyncMailbox& mailbox, RaftMailbox& raft,
                       std::function<void(const Error&)> on_failure, std::function<void()> on_end)
    : interval_(interval),
      ack_(ack),
      clock_(clock),
      mailbox_(mailbox),
      raft_(raft),
      on_failure_(std::move(on_failure)),
      on_end_(std::move(on_end)) {}

boost::asio::awaitable<void> FsyncTimer::run() {
  alarm_ = clock_.make_alarm([this] { mailbox_.post_owed(Tick(), 0); });
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      break;
    }
    for (FsyncMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
    if (interval_ == Duration::zero() || due_ || rarely(RareWay::sync_comes_early)) {
      sync();
    } else {
      report_written();
    }
  }
  sync();
  alarm_.reset();
  if (!poisoned_) {
    on_end_();
  }
}

void FsyncTimer::on(Written& written) {
  due_ = due_ || written.sync_at_once;
  unsynced_ = std::move(written);
  if (interval_ != Duration::zero() && !waiting_) {
    waiting_ = true;
    alarm_->set(clock_.now() + interval_);
  }
}

void FsyncTimer::on(const SetFsyncInterval& change) {
  interval_ = change.interval;
  // What waits under the old interval goes now, and what comes next waits no longer than the new one says.
  due_ = true;
  waiting_ = false;
}

void FsyncTimer::on(const Tick&) {
  waiting_ = false;
  due_ = true;
}

// Nobody's commit waits for it at `synced`: it says that the disk does not hang.
void FsyncTimer::report_written() {
  if (ack_ == Durability::synced && unsynced_ && unsynced_->id != reported_ && !poisoned_) {
    reported_ = unsynced_->id;
    raft_.post_owed(WrittenUpTo{reported_}, sizeof(WrittenUpTo));
  }
}

void FsyncTimer::sync() {
  due_ = false;
  if (!unsynced_ || poisoned_) {
    return;
  }
  const Written target = std::move(*unsynced_);
  unsynced_.reset();
  // What was not reported as written before, Raft knows that the disk owes.
  if (ack_ == Durability::written || interval_ != Duration::zero()) {
    raft_.post_owed(raft::SyncBegun{target.id}, sizeof(raft::SyncBegun));
  }
  const TimePoint begun = clock_.now();
  if (const Result<void> synced = target.target.sync(); !synced) {
    poisoned_ = true;
    on_failure_(synced.error());
    return;
  }
  raft_.post_owed(SyncedUpTo{target.id, target.target.end, clock_.now() - begun}, sizeof(SyncedUpTo));
}

}  // namespace strata::actors
