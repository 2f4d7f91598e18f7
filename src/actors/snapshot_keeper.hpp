// The snapshot keeper writes snapshots, this node's own and those that the leader sends, and reads parts of them for
// followers, on a thread of its own: nothing else waits for it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>

#include "actors/messages.hpp"
#include "base/log.hpp"
#include "kv/encoding.hpp"
#include "wal/snapshot.hpp"

namespace strata::actors {

class SnapshotKeeper {
 public:
  // A full disk costs the snapshot that is being written, and nothing else. After any other failure of the disk nothing
  // is written any more.
  SnapshotKeeper(std::unique_ptr<wal::SnapshotStore> store, Logger& logger, SnapshotMailbox& mailbox,
                 FrontEndMailbox& front_end, RaftMailbox& raft, std::function<void(const Error&)> on_failure);

  // Ends when its mailbox is closed and empty.
  boost::asio::awaitable<void> run();

 private:
  // A snapshot that comes from the leader.
  struct Incoming {
    std::unique_ptr<wal::SnapshotWriter> writer;
    kv::StateDecoder decoder;
  };

  void on(CapturedPiece& piece);
  void on(Discard& discard);
  void on(raft::StoreSnapshot& part);
  void on(const raft::ReadSnapshot& wanted);

  Result<void> store(const CapturedPiece& piece);
  Result<void> finish_own();
  Result<void> store(const raft::StoreSnapshot& part);
  Result<void> finish_incoming();
  Result<raft::SnapshotRead> read(const raft::ReadSnapshot& wanted);
  void replace_if_damaged(EntryId last_included, const Error& error);
  void release_log();
  void give_up(const Error& error, const char* what);

  std::unique_ptr<wal::SnapshotStore> store_;
  Logger& logger_;
  SnapshotMailbox& mailbox_;
  FrontEndMailbox& front_end_;
  RaftMailbox& raft_;
  std::function<void(const Error&)> on_failure_;
  std::unique_ptr<wal::SnapshotWriter> own_;
  std::unique_ptr<Incoming> incoming_;
  // What each follower is being sent: kept open, so that it can be read to its end though newer ones take its place.
  std::map<NodeId, std::unique_ptr<wal::SnapshotReader>> readers_;
  bool poisoned_ = false;
};

}  // namespace strata::actors
