// The fsync timer decides when to sync the log, and syncs it on a thread of its own so that writing goes on meanwhile
// (design, section 3). One sync serves everything written before it began (group commit).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "actors/messages.hpp"
#include "actors/ports.hpp"

namespace strata::actors {

class FsyncTimer {
 public:
  // `interval` 0: sync whenever something is written, again and again; else: at most this long between a write and the
  // start of its sync. A failed sync is reported once and never repeated: nothing is synced after it. `on_end`: called
  // when it ends with everything synced. `ack`: at `written` the WAL writer has said so of everything that comes here.
  FsyncTimer(Duration interval, Durability ack, Clock& clock, FsyncMailbox& mailbox, RaftMailbox& raft,
             std::function<void(const Error&)> on_failure, std::function<void()> on_end);

  // Ends when its mailbox is closed and empty, after a last sync of what was written.
  boost::asio::awaitable<void> run();

 private:
  void on(Written& written);
  void on(const SetFsyncInterval& change);
  void on(const Tick& tick);
  void report_written();
  void sync();

  Duration interval_;
  Durability ack_;
  Clock& clock_;
  FsyncMailbox& mailbox_;
  RaftMailbox& raft_;
  std::function<void(const Error&)> on_failure_;
  std::function<void()> on_end_;
  std::unique_ptr<Alarm> alarm_;
  std::optional<Written> unsynced_;  // the newest write that no sync has covered
  raft::WriteId reported_;           // as written
  bool due_ = false;                 // the alarm rang for it
  bool waiting_ = false;             // the alarm is set
  bool poisoned_ = false;
};

}  // namespace strata::actors
