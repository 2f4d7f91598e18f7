#include "actors/node_actors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace strata::actors {

namespace {

// Requests that come from outside are refused beyond this; what actors owe each other is bounded by what they accepted.
MailboxLimits limits_for(std::size_t max_pending) {
  return {1 << 14, 2 * max_pending};
}

constexpr std::size_t read_at_once = 4 << 20;

constexpr std::size_t load_at_once = 1 << 20;

// What the disk holds as committed.
struct Applied {
  kv::StateMachine state;
  Term term;                  // of its last entry
  std::size_t log_bytes = 0;  // of the entries behind the snapshot
};

// Says how far a long start has come: whenever so many bytes more are done.
class Progress {
 public:
  Progress(Logger& logger, std::uint64_t every) : logger_(logger), every_(every) {}

  // `done`, what of how much is done, ends the line.
  void at(std::uint64_t bytes, const auto& done) {
    if (bytes - said_at_ >= every_) {
      said_at_ = bytes;
      logger_.info("{}", done());
    }
  }

 private:
  Logger& logger_;
  std::uint64_t every_;
  std::uint64_t said_at_ = 0;
};

Result<kv::StateMachine> load(wal::SnapshotStore& snapshots, Progress progress) {
  auto reader = snapshots.read(snapshots.newest());
  if (!reader) {
    return reader.error();
  }
  kv::StateDecoder decoder;
  for (std::uint64_t offset = 0; offset < (*reader)->file().size;) {
    const Result<Bytes> content = (*reader)->read(offset, load_at_once);
    if (!content) {
      return content.error();
    }
    decoder.add(*content);
    offset += content->size();
    progress.at(offset, [&] {
      return fmt::format("snapshot: {} of {} MiB loaded", offset >> 20, (*reader)->file().size >> 20);
    });
  }
  return decoder.finish();
}

Result<void> replay(wal::Log& log, Applied& applied, Progress progress) {
  const LogIndex first = applied.state.applied().next();
  const LogIndex commit = log.recovered().commit_index;
  if (commit < first) {
    return {};
  }
  return log.replay(first, commit, [&](const Entry& entry) {
    applied.state.apply(entry);
    applied.term = entry.term;
    applied.log_bytes += entry.body.size();
    progress.at(applied.log_bytes,
                [&] { return fmt::format("log: applied up to index {} of {}", entry.index, commit); });
  });
}

Result<Applied> load_and_replay(const wal::DataDirectory& directory, Progress progress) {
  Applied applied;
  if (const EntryId newest = directory.snapshots->newest(); newest.index > LogIndex()) {
    Result<kv::StateMachine> loaded = load(*directory.snapshots, progress);
    if (!loaded) {
      return loaded.error();
    }
    applied.state = std::move(*loaded);
    applied.term = newest.term;
  }
  if (auto replayed = replay(*directory.log, applied, progress); !replayed) {
    return replayed.error();
  }
  return applied;
}

// Of the log that the older of two snapshots, if there is one, still needs.
std::size_t bytes_between_snapshots(const wal::DataDirectory& directory) {
  const LogIndex first = std::max(directory.snapshots->released().next(), directory.log->first_index());
  return directory.log->body_bytes(first, directory.snapshots->newest().index);
}

// The entries from `first` on; those that are missing have a place, and nothing else.
Result<std::vector<Entry>> read_tail(wal::Log& log, LogIndex first) {
  std::vector<Entry> tail;
  const LogIndex last = log.last_index();
  LogIndex next = first;
  const auto leave_place_up_to = [&](LogIndex end) {
    for (; next <= end; next = next.next()) {
      tail.push_back(Entry{Term(), next, EntryType::no_op, {}});
    }
  };
  const auto read_up_to = [&](LogIndex end) -> Result<void> {
    while (next <= end) {
      auto entries = log.read(next, end, read_at_once);
      if (!entries) {
        return entries.error();
      }
      next = entries->back().index.next();
      std::move(entries->begin(), entries->end(), std::back_inserter(tail));
    }
    return {};
  };
  for (const Hole& hole : log.recovered().holes) {
    if (auto read = read_up_to(hole.first - 1); !read) {
      return read.error();
    }
    leave_place_up_to(hole.last);
  }
  if (auto read = read_up_to(last); !read) {
    return read.error();
  }
  return tail;
}

Result<raft::Restored> restore(const wal::DataDirectory& directory) {
  wal::Log& log = *directory.log;
  const wal::Metadata& metadata = directory.metadata->current();
  const wal::Recovered& recovered = log.recovered();
  raft::Restored restored;
  restored.hard_state = {metadata.term, metadata.vote};
  restored.incarnation = metadata.incarnation;
  restored.standing = directory.standing;
  restored.directory = metadata.directory;
  restored.nonce = metadata.nonces.front();
  restored.earlier_nonces.assign(metadata.nonces.begin() + 1, metadata.nonces.end());
  restored.admission = metadata.admission;
  restored.members = metadata.members;
  restored.snapshot = directory.snapshots->newest();
  restored.base = recovered.base;
  restored.term_runs = recovered.term_runs;
  restored.last_index = recovered.last_index;
  restored.commit_index = recovered.commit_index;
  restored.holes = recovered.holes;
  restored.end_unknown = recovered.end_unknown;
  auto tail = read_tail(log, recovered.commit_index.next());
  if (!tail) {
    return tail.error();
  }
  restored.tail = std::move(*tail);
  return restored;
}

}  // namespace

Result<std::unique_ptr<NodeActors>> NodeActors::make(NodeOptions options, NodeExecutors executors, NodePorts ports,
                                                     wal::DataDirectory directory) {
  options.front_end.nonce = directory.metadata->current().nonces.front();
  Result<Applied> applied = load_and_replay(directory, Progress(ports.logger, options.log.progress_every));
  if (!applied) {
    return applied.error();
  }
  options.front_end.applied_term = applied->term;
  options.front_end.bytes_between_snapshots = bytes_between_snapshots(directory);
  options.front_end.replayed_bytes = applied->log_bytes;
  auto restored = restore(directory);
  if (!restored) {
    return restored.error();
  }
  return std::unique_ptr<NodeActors>(new NodeActors(std::move(options), std::move(executors), std::move(ports),
                                                    std::move(directory), std::move(*restored),
                                                    std::move(applied->state)));
}

NodeActors::NodeActors(NodeOptions options, NodeExecutors executors, NodePorts ports, wal::DataDirectory directory,
                       raft::Restored restored, kv::StateMachine state)
    : executors_(std::move(executors)),
      clock_(ports.loop_clock),
      logger_(ports.logger),
      lock_(std::move(directory.lock)),
      marker_(std::move(directory.marker)),
      start_{restored.directory, restored.incarnation, restored.nonce},
      known_members_(restored.members),
      front_end_mailbox_(executors_.loop, limits_for(options.front_end.max_pending)),
      raft_mailbox_(executors_.loop, limits_for(options.front_end.max_pending)),
      wal_mailbox_(executors_.wal, {}),
      fsync_mailbox_(executors_.fsync, {}),
      allocator_mailbox_(executors_.allocator, {}),
      snapshot_mailbox_(executors_.snapshots, {}),
      front_end_(std::move(options.front_end), std::move(state), front_end_mailbox_, raft_mailbox_, snapshot_mailbox_,
                 ports.loop_clock, ports.peers, ports.clients),
      raft_(std::move(options.raft), std::move(restored),
            {raft_mailbox_, front_end_mailbox_, wal_mailbox_, snapshot_mailbox_, ports.loop_clock, ports.peers,
             ports.logger, std::move(ports.random), std::move(ports.on_turned_away)}),
      wal_writer_(std::move(directory.log), std::move(directory.metadata), options.log.segment_size, options.raft.ack,
                  wal_mailbox_, raft_mailbox_, fsync_mailbox_, allocator_mailbox_, poisoning(ports.on_disk_failure)),
      fsync_timer_(options.fsync_interval, options.raft.ack, ports.fsync_clock, fsync_mailbox_, raft_mailbox_,
                   poisoning(ports.on_disk_failure), [this] { mark_clean_end(); }),
      segment_allocator_(ports.files, std::move(options.log), ports.logger, allocator_mailbox_, wal_mailbox_,
                         poisoning(ports.on_disk_failure)),
      snapshot_keeper_(std::move(directory.snapshots), ports.logger, snapshot_mailbox_, front_end_mailbox_,
                       raft_mailbox_, poisoning(ports.on_disk_failure)),
      front_end_scope_(executors_.loop, ports.logger),
      raft_scope_(executors_.loop, ports.logger),
      wal_scope_(executors_.loop, ports.logger),
      fsync_scope_(executors_.loop, ports.logger),
      allocator_scope_(executors_.loop, ports.logger),
      snapshot_scope_(executors_.loop, ports.logger) {}

NodeActors::~NodeActors() = default;

std::function<void(const Error&)> NodeActors::poisoning(std::function<void(const Error&)> on_disk_failure) {
  return [this, on_disk_failure = std::move(on_disk_failure)](const Error& error) {
    if (auto removed = marker_->remove(); !removed) {
      logger_.error("{}", removed.error().text);
    }
    poisoned_ = true;
    raft_mailbox_.post_owed(raft::DiskFailed(), 0);
    on_disk_failure(error);
  };
}

// Whatever has failed: the snapshots are on the same disk.
void NodeActors::mark_clean_end() {
  if (!poisoned_) {
    wal_writer_.mark_clean_end();
  }
}

void NodeActors::start() {
  snapshot_scope_.spawn(executors_.snapshots, "snapshot keeper", snapshot_keeper_.run());
  allocator_scope_.spawn(executors_.allocator, "segment allocator", segment_allocator_.run());
  fsync_scope_.spawn(executors_.fsync, "fsync timer", fsync_timer_.run());
  wal_scope_.spawn(executors_.wal, "WAL writer", wal_writer_.run());
  raft_scope_.spawn(executors_.loop, "Raft", raft_.run());
  front_end_scope_.spawn(executors_.loop, "front end", front_end_.run());
}

void NodeActors::set_fsync_interval(Duration interval) {
  front_end_mailbox_.post_owed(SetFsyncInterval{interval}, 0);
  fsync_mailbox_.post_owed(SetFsyncInterval{interval}, 0);
}

boost::asio::awaitable<void> NodeActors::stop(Duration patience) {
  const TimePoint latest = clock_.now() + patience;
  front_end_mailbox_.post_owed(Finish{patience}, 0);
  co_await front_end_scope_.join();
  raft_mailbox_.post_owed(HandOver{std::max(latest - clock_.now(), Duration::zero())}, 0);
  co_await raft_scope_.join();
  wal_mailbox_.close();
  co_await wal_scope_.join();
  fsync_mailbox_.close();
  co_await fsync_scope_.join();
  log_closed_ = true;
  allocator_mailbox_.close();
  snapshot_mailbox_.close();
  co_await allocator_scope_.join();
  co_await snapshot_scope_.join();
}

// Closing a mailbox posts the coroutine that waits in it, and its executor drops it.
void NodeActors::abandon() {
  front_end_mailbox_.close();
  raft_mailbox_.close();
  wal_mailbox_.close();
  fsync_mailbox_.close();
  allocator_mailbox_.close();
  snapshot_mailbox_.close();
  for (Scope* scope :
       {&front_end_scope_, &raft_scope_, &wal_scope_, &fsync_scope_, &allocator_scope_, &snapshot_scope_}) {
    scope->abandon();
  }
}

}  // namespace strata::actors
