#include "actors/fsync_timer.hpp"

#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

FsyncTimer::FsyncTimer(Duration interval, Clock& clock, FsyncMailbox& mailbox, RaftMailbox& raft,
                       std::function<void(const Error&)> on_failure)
    : interval_(interval), clock_(clock), mailbox_(mailbox), raft_(raft), on_failure_(std::move(on_failure)) {}

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
}

void FsyncTimer::on(Written& written) {
  unsynced_ = std::move(written);
  if (interval_ != Duration::zero() && !waiting_) {
    waiting_ = true;
    alarm_->set(clock_.now() + interval_);
  }
}

void FsyncTimer::on(const SetFsyncInterval& change) {
  interval_ = change.interval;
  // What waits under the old interval goes now: the new one may be shorter.
  due_ = true;
}

void FsyncTimer::on(const Tick&) {
  waiting_ = false;
  due_ = true;
}

void FsyncTimer::report_written() {
  if (unsynced_ && unsynced_->id != reported_ && !poisoned_) {
    sometimes(Mark::written_before_synced);
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
  const TimePoint begun = clock_.now();
  if (const Result<void> synced = target.target.sync(); !synced) {
    poisoned_ = true;
    on_failure_(synced.error());
    return;
  }
  raft_.post_owed(SyncedUpTo{target.id, target.target.end, clock_.now() - begun}, sizeof(SyncedUpTo));
}

}  // namespace strata::actors
