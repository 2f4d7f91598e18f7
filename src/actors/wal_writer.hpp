// The WAL writer puts into the kernel what Raft hands it, in order: term and vote (synced at once, at every setting)
// and entries (synced by the fsync timer). It reads entries back for followers that are far behind.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "actors/messages.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"

namespace strata::actors {

class WalWriter {
 public:
  // A spare segment is asked for when the current one is half full. After a failed write nothing is written or reported
  // any more: the log's end is undefined.
  WalWriter(std::unique_ptr<wal::Log> log, std::unique_ptr<wal::MetadataFile> metadata, std::uint64_t segment_size,
            WalMailbox& mailbox, RaftMailbox& raft, FsyncMailbox& fsync, AllocatorMailbox& allocator,
            std::function<void(const Error&)> on_failure);

  // Ends when its mailbox is closed and empty.
  boost::asio::awaitable<void> run();

 private:
  void on(const raft::HardState& hard_state);
  void on(AppendEntriesToLog& append);
  void on(const raft::Fetch& fetch);
  void on(SpareReady& ready);
  void on(const RestartLog& restart);
  void on(const ReleaseLog& release);
  void write_gathered();
  void ask_for_spare();
  void fail(const Error& error);

  std::unique_ptr<wal::Log> log_;
  std::unique_ptr<wal::MetadataFile> metadata_;
  std::uint64_t spare_from_;  // offset in the segment
  WalMailbox& mailbox_;
  RaftMailbox& raft_;
  FsyncMailbox& fsync_;
  AllocatorMailbox& allocator_;
  std::function<void(const Error&)> on_failure_;

  // Appends of one batch that follow on each other are one write.
  std::vector<Entry> gathered_;
  wal::Marks gathered_marks_;
  raft::WriteId gathered_id_;
  bool spare_wanted_ = false;
  bool poisoned_ = false;
};

}  // namespace strata::actors
