// One node's actors, put together: who owns what, who runs where, how they start and in what order they stop. kv-node
// and the simulator run exactly this; they differ in executors and ports.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/front_end.hpp"
#include "actors/fsync_timer.hpp"
#include "actors/messages.hpp"
#include "actors/ports.hpp"
#include "actors/raft_actor.hpp"
#include "actors/scope.hpp"
#include "actors/segment_allocator.hpp"
#include "actors/snapshot_keeper.hpp"
#include "actors/wal_writer.hpp"
#include "base/log.hpp"
#include "base/membership.hpp"
#include "raft/core.hpp"
#include "wal/data_directory.hpp"

namespace strata::actors {

struct NodeOptions {
  raft::Config raft;
  wal::LogOptions log;
  FrontEndOptions front_end;
  Duration fsync_interval{};  // 0: sync as soon as there is something to sync
};

// Which actor runs where. An executor runs one thing at a time (a thread of its own, or a simulated one). The disk's
// four may block; `loop` never does.
struct NodeExecutors {
  boost::asio::any_io_executor loop;       // front end and Raft (and net)
  boost::asio::any_io_executor wal;        // WAL writer
  boost::asio::any_io_executor fsync;      // fsync timer
  boost::asio::any_io_executor allocator;  // segment allocator
  boost::asio::any_io_executor snapshots;  // snapshot keeper
};

struct NodePorts {
  Clock& loop_clock;   // on NodeExecutors::loop
  Clock& fsync_clock;  // on NodeExecutors::fsync
  PeerTransport& peers;
  ClientReplies& clients;
  wal::FileSystem& files;
  Logger& logger;
  std::function<std::uint64_t()> random;  // called on `loop`
  std::function<void(const Error&)>
      on_disk_failure;  // any thread; the log is poisoned, the node must stop (exit status 5)
  // On `loop`: a member does not know this node's data directory, or knows a later state of it (exit status 3).
  std::function<void(const Error&)> on_turned_away = [](const Error&) {};
};

class NodeActors {
 public:
  // Loads the newest snapshot, and replays the log behind it into the state machine up to its commit mark (blocks; call
  // it before anything runs). `directory` is the node's opened data directory. Error: the log cannot be read.
  static Result<std::unique_ptr<NodeActors>> make(NodeOptions options, NodeExecutors executors, NodePorts ports,
                                                  wal::DataDirectory directory);
  ~NodeActors();

  // On the loop's executor. From now on the mailboxes are served.
  void start();

  // On the loop's executor, once. The order: the front end takes no more requests and answers what waits (at most
  // `patience` for what is on its way, then UNKNOWN), Raft ends (a leader hands over first, in what is left of it), the
  // WAL writer writes what it was given, the fsync timer syncs it, the allocator and the snapshot keeper end.
  // Everything is joined when it returns; nothing is posted to a port afterwards.
  boost::asio::awaitable<void> stop(Duration patience);

  // Everything that the log was given is on stable storage, and nothing will be given to it any more: stop waits for
  // the allocator and the snapshot keeper, whose work is not needed.
  bool log_closed() const { return log_closed_; }

  // For the simulator's kill -9, instead of stop: when the executors drop whatever they hold and are given, every
  // coroutine is unwound without having run on. Nothing but the destructor may follow.
  void abandon();

  // Where the sockets (or the simulated network) deliver. Any thread.
  FrontEndMailbox& front_end() { return front_end_mailbox_; }
  RaftMailbox& raft() { return raft_mailbox_; }

  // Any thread, from start to stop.
  void set_fsync_interval(Duration interval);

  Incarnation incarnation() const { return start_.incarnation; }
  // For the gate of messages (wire/peer_gate.hpp): this start, and whom the node knew before it.
  const Start& start_of_node() const { return start_; }
  const std::vector<KnownMember>& known_members() const { return known_members_; }
  // For the simulator's invariants; only while nothing of this node runs.
  const raft::Core& core() const { return raft_.core(); }
  const kv::StateMachine& state() const { return front_end_.state(); }
  std::array<MailboxLoad, 5> mailboxes() const {
    return {front_end_mailbox_.load(), raft_mailbox_.load(), wal_mailbox_.load(), fsync_mailbox_.load(),
            allocator_mailbox_.load()};
  }
  // Of requests that are not answered yet, and the limit at which new ones are refused.
  std::size_t pending_bytes() const { return front_end_.pending_bytes(); }
  std::size_t max_pending() const { return front_end_.max_pending(); }
  AtRisk::Amount at_risk() const { return front_end_.at_risk(); }

 private:
  // The marker goes before anybody is told; then Raft is, so that a leader gives its office up at once.
  std::function<void(const Error&)> poisoning(std::function<void(const Error&)> on_disk_failure);
  void mark_clean_end();

  NodeActors(NodeOptions options, NodeExecutors executors, NodePorts ports, wal::DataDirectory directory,
             raft::Restored restored, kv::StateMachine state);

  NodeExecutors executors_;
  Clock& clock_;
  Logger& logger_;
  std::unique_ptr<wal::FileLock> lock_;
  std::unique_ptr<wal::RunMarker> marker_;
  Start start_;
  std::vector<KnownMember> known_members_;
  FrontEndMailbox front_end_mailbox_;
  RaftMailbox raft_mailbox_;
  WalMailbox wal_mailbox_;
  FsyncMailbox fsync_mailbox_;
  AllocatorMailbox allocator_mailbox_;
  SnapshotMailbox snapshot_mailbox_;
  FrontEnd front_end_;
  RaftActor raft_;
  WalWriter wal_writer_;
  FsyncTimer fsync_timer_;
  SegmentAllocator segment_allocator_;
  SnapshotKeeper snapshot_keeper_;
  // One for each actor, in the order in which they end.
  Scope front_end_scope_;
  Scope raft_scope_;
  Scope wal_scope_;
  Scope fsync_scope_;
  Scope allocator_scope_;
  Scope snapshot_scope_;
  bool log_closed_ = false;
  std::atomic<bool> poisoned_ = false;  // by any of the disk's threads
};

}  // namespace strata::actors
