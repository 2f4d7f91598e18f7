// Drives the consensus core: gives it what happened, in order, and carries out what it answers (raft/core.hpp names the
// driver's duties; this file and raft_actor.cpp are their one place).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/messages.hpp"
#include "actors/ports.hpp"
#include "actors/sync_statistics.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::actors {

struct RaftActorLinks {
  RaftMailbox& mailbox;
  FrontEndMailbox& front_end;
  WalMailbox& wal;
  SnapshotMailbox& snapshots;
  Clock& clock;
  PeerTransport& peers;
  Logger& logger;
  std::function<std::uint64_t()> random;
  std::function<void(const Error&)> on_turned_away;  // a member does not know this start, and the node must end
};

class RaftActor {
 public:
  RaftActor(raft::Config config, raft::Restored restored, RaftActorLinks links);

  // Ends when its mailbox is closed and empty: after a HandOver it closes it itself.
  boost::asio::awaitable<void> run();

  const raft::Core& core() const { return core_; }

 private:
  void on(PeerMessages& messages);
  void on(raft::Propose& propose);
  void on(const raft::Read& read);
  void on(const WrittenUpTo& written);
  void on(const SyncedUpTo& synced);
  void on(const raft::SyncBegun& begun);
  void on(const raft::DiskSpace& space);
  void on(const raft::DiskFailed& failed);
  void on(const raft::HardStateSaved& saved);
  void on(const raft::Recorded& recorded);
  void on(raft::Fetched& fetched);
  void on(const SnapshotSaved& saved);
  void on(SnapshotReceived& received);
  void on(raft::SnapshotRead& read);
  void on(const raft::SnapshotStored& stored);
  void on(const HandOver& order);
  void on(const StatusWanted& wanted);
  void on(const Tick& tick);

  void forget_unwritten(raft::WriteId up_to);
  void end_if_handed_over();
  void try_disk_again();
  void set_alarm();
  void step(raft::Event event);
  void persist(raft::Output& output);
  void save_state(raft::Output& output);
  void note_admission(const raft::Output& output);
  void send(raft::Output& output);
  void install(EntryId last_included, bool keeps_log);
  void answer_front_end(raft::Output& output);
  void flush();
  void tell_committed();
  // The WAL writer does not keep up (a slow or hung disk): what has been handed to it is as much as memory allows.
  bool writer_is_behind() const {
    return unwritten_bytes_ > max_unwritten_bytes || unwritten_.size() >= max_unwritten ||
           rarely(RareWay::writer_is_behind);
  }
  void log_generation();
  void log_leadership(const raft::Leadership& leadership);
  void note_round(const raft::Outgoing& outgoing);
  void note_answer(const raft::Received& received);

  static constexpr std::size_t max_unwritten_bytes = 128 << 20;
  static constexpr std::size_t max_unwritten = MailboxLimits().messages;

  // Messages that must not leave before this hard state is synced.
  struct Held {
    raft::HardState hard_state;
    std::vector<raft::Outgoing> messages;
  };
  struct Unwritten {
    raft::WriteId id;
    std::size_t bytes;
  };

  RaftActorLinks links_;
  raft::Core core_;
  std::unique_ptr<Alarm> alarm_;
  TimePoint now_;
  TimePoint wake_at_;    // as the core wants it
  bool ticked_ = false;  // the alarm rang in this batch
  std::deque<Held> held_;
  std::deque<Unwritten> unwritten_;
  std::size_t unwritten_bytes_ = 0;
  wal::Position synced_;
  SyncStatistics syncs_;
  // Round-trip times, for STATUS: when the newest round of heartbeats was sent, and how long its answers took.
  raft::Round round_;
  TimePoint round_sent_;
  std::map<NodeId, Duration> round_trips_;
  raft::Leadership leadership_;
  std::unique_ptr<kv::StateMachine> received_;  // while the core decides whether it is installed
  std::optional<TimePoint> hand_over_by_;
  std::optional<TimePoint> try_disk_at_;  // it is full
  std::vector<NodeId> waits_for_;         // as was logged
  LogIndex durable_;                      // as the front end was told
  LogIndex committed_told_;               // what it has applied, or soon will have

  // Gathered while a batch is handled, sent at its end.
  std::vector<PeerSend> to_peers_;
  Committed committed_;
  ReadsReady reads_ready_;
  ReadsFailed reads_failed_;
};

}  // namespace strata::actors
