#include "actors/node_actors.hpp"

#include <utility>

namespace strata::actors {

namespace {

// Requests that come from outside are refused beyond this; what actors owe each other is bounded by what they accepted.
MailboxLimits limits_for(std::size_t max_pending) {
  return {1 << 14, 2 * max_pending};
}

constexpr std::size_t read_at_once = 4 << 20;

Result<kv::StateMachine> replay(wal::Log& log) {
  kv::StateMachine state;
  const LogIndex commit = log.recovered().commit_index;
  if (commit == LogIndex()) {
    return state;
  }
  const Result<void> replayed = log.replay(LogIndex(1), commit, [&state](const Entry& entry) { state.apply(entry); });
  if (!replayed) {
    return replayed.error();
  }
  return state;
}

Result<raft::Restored> restore(wal::Log& log, const wal::Metadata& metadata) {
  const wal::Recovered& recovered = log.recovered();
  raft::Restored restored;
  restored.hard_state = {metadata.term, metadata.vote};
  restored.term_runs = recovered.term_runs;
  restored.last_index = recovered.last_index;
  restored.commit_index = recovered.commit_index;
  for (LogIndex next = recovered.commit_index.next(); next <= recovered.last_index;) {
    auto entries = log.read(next, recovered.last_index, read_at_once);
    if (!entries) {
      return entries.error();
    }
    next = entries->back().index.next();
    std::move(entries->begin(), entries->end(), std::back_inserter(restored.tail));
  }
  return restored;
}

}  // namespace

Result<std::unique_ptr<NodeActors>> NodeActors::make(NodeOptions options, NodeExecutors executors, NodePorts ports,
                                                     wal::DataDirectory directory) {
  options.front_end.incarnation = directory.metadata->current().incarnation;
  auto state = replay(*directory.log);
  if (!state) {
    return state.error();
  }
  auto restored = restore(*directory.log, directory.metadata->current());
  if (!restored) {
    return restored.error();
  }
  return std::unique_ptr<NodeActors>(new NodeActors(std::move(options), std::move(executors), std::move(ports),
                                                    std::move(directory), std::move(*restored), std::move(*state)));
}

NodeActors::NodeActors(NodeOptions options, NodeExecutors executors, NodePorts ports, wal::DataDirectory directory,
                       raft::Restored restored, kv::StateMachine state)
    : executors_(std::move(executors)),
      lock_(std::move(directory.lock)),
      incarnation_(directory.metadata->current().incarnation),
      front_end_mailbox_(executors_.loop, limits_for(options.front_end.max_pending)),
      raft_mailbox_(executors_.loop, limits_for(options.front_end.max_pending)),
      wal_mailbox_(executors_.wal, {}),
      fsync_mailbox_(executors_.fsync, {}),
      allocator_mailbox_(executors_.allocator, {}),
      front_end_(std::move(options.front_end), std::move(state), front_end_mailbox_, raft_mailbox_, ports.loop_clock,
                 ports.peers, ports.clients),
      raft_(std::move(options.raft), std::move(restored),
            {raft_mailbox_, front_end_mailbox_, wal_mailbox_, ports.loop_clock, ports.peers, ports.logger,
             std::move(ports.random)}),
      wal_writer_(std::move(directory.log), std::move(directory.metadata), options.log.segment_size, wal_mailbox_,
                  raft_mailbox_, fsync_mailbox_, allocator_mailbox_, ports.on_disk_failure),
      fsync_timer_(options.fsync_interval, ports.fsync_clock, fsync_mailbox_, raft_mailbox_, ports.on_disk_failure),
      segment_allocator_(ports.files, std::move(options.log), ports.logger, allocator_mailbox_, wal_mailbox_),
      front_end_scope_(executors_.loop, ports.logger),
      raft_scope_(executors_.loop, ports.logger),
      wal_scope_(executors_.loop, ports.logger),
      fsync_scope_(executors_.loop, ports.logger),
      allocator_scope_(executors_.loop, ports.logger) {}

NodeActors::~NodeActors() = default;

void NodeActors::start() {
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
  front_end_mailbox_.post_owed(Finish{patience}, 0);
  co_await front_end_scope_.join();
  raft_mailbox_.close();
  co_await raft_scope_.join();
  wal_mailbox_.close();
  co_await wal_scope_.join();
  fsync_mailbox_.close();
  co_await fsync_scope_.join();
  log_closed_ = true;
  allocator_mailbox_.close();
  co_await allocator_scope_.join();
}

// Closing a mailbox posts the coroutine that waits in it, and its executor drops it.
void NodeActors::abandon() {
  front_end_mailbox_.close();
  raft_mailbox_.close();
  wal_mailbox_.close();
  fsync_mailbox_.close();
  allocator_mailbox_.close();
  for (Scope* scope : {&front_end_scope_, &raft_scope_, &wal_scope_, &fsync_scope_, &allocator_scope_}) {
    scope->abandon();
  }
}

}  // namespace strata::actors
