// The WAL writer puts into the kernel what Raft hands it, in order: term and vote (synced at once, at every setting)
// and entries (synced by the fsync timer). It reads entries back for followers that are far behind.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "actors/messages.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"

namespace strata::actors {

class WalWriter {
 public:
  // A spare segment is asked for when the current one is half full. When there is no room for one, Raft is told so, and
  // again when there is; what does not fit meanwhile waits, in order, and Raft says when to try again. After a failed
  // write nothing is written or reported any more: the log's end is undefined. `ack` written: Raft is told what is
  // written as soon as it is; else the fsync timer tells it.
  WalWriter(std::unique_ptr<wal::Log> log, std::unique_ptr<wal::MetadataFile> metadata, std::uint64_t segment_size,
            Durability ack, WalMailbox& mailbox, RaftMailbox& raft, FsyncMailbox& fsync, AllocatorMailbox& allocator,
            std::function<void(const Error&)> on_failure);

  // Ends when its mailbox is closed and empty.
  boost::asio::awaitable<void> run();
  // After that, when everything that was written is synced: leaves a mark that this run ended so. Blocks for a sync.
  void mark_clean_end();

 private:
  void on(SaveState& state);
  void on(AppendEntriesToLog& append);
  void on(const raft::Fetch& fetch);
  void on(SpareReady& ready);
  void on(const RecordSound& sound);
  void on(RepairLog& repair);
  void on(const RestartLog& restart);
  void on(const ReleaseLog& release);
  void on(const TryDiskAgain& again);
  void save(wal::Metadata metadata);
  // Appends that follow on each other, to be one write.
  struct Gathered {
    std::vector<Entry> entries;
    wal::Marks marks;
    raft::WriteId id;
    bool in_haste = false;  // to be synced at once
  };
  using Waiting = std::variant<Gathered, RepairLog, RestartLog, ReleaseLog>;

  void write_gathered();
  // False: there is no room, and nothing has changed.
  bool perform(const Gathered& gathered);
  bool perform(const RepairLog& repair);
  bool perform(const RestartLog& restart);
  bool perform(const ReleaseLog& release);
  void perform_in_order(Waiting work);
  void perform_waiting();
  void is_written(Written written);
  bool give_up(const Error& error);
  void has_room(bool room);
  bool needs_spare() const;
  void ask_for_spare();
  void fail(const Error& error);

  std::unique_ptr<wal::Log> log_;
  std::unique_ptr<wal::MetadataFile> metadata_;
  std::uint64_t spare_from_;  // offset in the segment
  Durability ack_;
  WalMailbox& mailbox_;
  RaftMailbox& raft_;
  FsyncMailbox& fsync_;
  AllocatorMailbox& allocator_;
  std::function<void(const Error&)> on_failure_;

  Gathered gathered_;            // of one batch
  raft::WriteId written_up_to_;  // nothing: none yet
  wal::Position synced_;         // the newest mark that came with entries
  std::deque<Waiting> waiting_;  // for room
  bool full_ = false;
  bool spare_wanted_ = false;
  bool poisoned_ = false;
};

}  // namespace strata::actors
