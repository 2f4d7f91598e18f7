#include "actors/snapshot_keeper.hpp"

#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

SnapshotKeeper::SnapshotKeeper(std::unique_ptr<wal::SnapshotStore> store, Logger& logger, SnapshotMailbox& mailbox,
                               FrontEndMailbox& front_end, RaftMailbox& raft,
                               std::function<void(const Error&)> on_failure)
    : store_(std::move(store)),
      logger_(logger),
      mailbox_(mailbox),
      front_end_(front_end),
      raft_(raft),
      on_failure_(std::move(on_failure)) {}

boost::asio::awaitable<void> SnapshotKeeper::run() {
  release_log();  // the process before may have ended when two snapshots were there, and all of the log as well
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      co_return;
    }
    for (SnapshotMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
  }
}

void SnapshotKeeper::release_log() {
  raft_.post_owed(SnapshotSaved{store_->newest().index, store_->released()}, sizeof(SnapshotSaved));
}

void SnapshotKeeper::give_up(const Error& error, const char* what) {
  if (error.kind == ErrorKind::io) {
    poisoned_ = true;
    on_failure_(error);
  } else {
    logger_.warning("{}: {}", what, error.text);
  }
}

void SnapshotKeeper::on(Discard& discard) {
  discard.state.reset();
}

// ---- Own snapshots ----

void SnapshotKeeper::on(CapturedPiece& piece) {
  if (poisoned_) {
    return;
  }
  if (const Result<void> stored = store(piece); !stored) {
    own_.reset();
    give_up(stored.error(), "no snapshot could be taken");
    front_end_.post_owed(CaptureFailed(), 0);
    return;
  }
  front_end_.post_owed(PieceStored(), 0);
}

Result<void> SnapshotKeeper::store(const CapturedPiece& piece) {
  if (piece.first) {
    auto begun = store_->begin(piece.last_included, "own");
    if (!begun) {
      return begun.error();
    }
    own_ = std::move(*begun);
  }
  if (!own_) {
    return {};  // of one that was given up
  }
  Result<void> done = own_->append(piece.content);
  return done && piece.last ? finish_own() : done;
}

Result<void> SnapshotKeeper::finish_own() {
  const std::unique_ptr<wal::SnapshotWriter> writer = std::exchange(own_, nullptr);
  const Result<wal::SnapshotFile> file = writer->finish();
  if (!file) {
    return file.error();
  }
  if (auto added = store_->add(*file); !added) {
    return added;
  }
  sometimes(Mark::snapshot_taken);
  logger_.info("snapshot taken: {} bytes, up to index {}", file->size, file->last_included.index);
  release_log();
  return {};
}

// ---- Snapshots from the leader ----

void SnapshotKeeper::on(raft::StoreSnapshot& part) {
  if (poisoned_) {
    return;
  }
  if (const Result<void> stored = store(part); !stored) {
    incoming_.reset();
    give_up(stored.error(), "the leader's snapshot could not be stored");
    raft_.post_owed(raft::SnapshotStored{part.last_included, 0, false}, sizeof(raft::SnapshotStored));
  }
}

Result<void> SnapshotKeeper::store(const raft::StoreSnapshot& part) {
  if (part.offset == 0) {
    auto begun = store_->begin(part.last_included, "received");
    if (!begun) {
      return begun.error();
    }
    incoming_ = std::make_unique<Incoming>();
    incoming_->writer = std::move(*begun);
  }
  if (!incoming_ || incoming_->writer->last_included() != part.last_included) {
    raft_.post_owed(raft::SnapshotStored{part.last_included, 0, false}, sizeof(raft::SnapshotStored));
    return {};
  }
  const bool fits = incoming_->writer->size() == part.offset;
  if (fits) {
    if (auto appended = incoming_->writer->append(part.data.view()); !appended) {
      return appended;
    }
    incoming_->decoder.add(part.data.view());
  }
  if (fits && part.done) {
    return finish_incoming();
  }
  raft_.post_owed(raft::SnapshotStored{part.last_included, incoming_->writer->size(), false},
                  sizeof(raft::SnapshotStored));
  return {};
}

Result<void> SnapshotKeeper::finish_incoming() {
  const std::unique_ptr<Incoming> incoming = std::exchange(incoming_, nullptr);
  Result<kv::StateMachine> state = incoming->decoder.finish();
  if (!state) {
    return state.error();
  }
  const EntryId last_included = incoming->writer->last_included();
  if (state->applied() != last_included.index) {
    return Error{ErrorKind::damaged, "it holds another state than the leader says"};
  }
  const Result<wal::SnapshotFile> file = incoming->writer->finish();
  if (!file) {
    return file.error();
  }
  if (auto added = store_->add(*file); !added) {
    return added;
  }
  sometimes(Mark::snapshot_received);
  logger_.info("snapshot received: {} bytes, up to index {}", file->size, last_included.index);
  raft_.post_owed(SnapshotReceived{last_included, std::make_unique<kv::StateMachine>(std::move(*state))}, file->size);
  return {};
}

// ---- For followers ----

void SnapshotKeeper::on(const raft::ReadSnapshot& wanted) {
  Result<raft::SnapshotRead> part = read(wanted);
  if (!part) {
    readers_.erase(wanted.peer);
    logger_.warning("a snapshot cannot be sent to node {}: {}", wanted.peer, part.error().text);
    replace_if_damaged(wanted.last_included, part.error());
    part = raft::SnapshotRead{wanted.peer, wanted.last_included, wanted.offset, {}, 0};
  }
  const std::size_t bytes = part->data.size();
  raft_.post_owed(std::move(*part), bytes);
}

// The log before it may be gone, so on a cluster that is at rest nobody could catch up any more.
void SnapshotKeeper::replace_if_damaged(EntryId last_included, const Error& error) {
  const bool is_damaged = error.kind == ErrorKind::damaged || error.kind == ErrorKind::io;
  if (is_damaged && store_->leave_out(last_included)) {
    front_end_.post_owed(SnapshotWanted(), 0);
  }
}

Result<raft::SnapshotRead> SnapshotKeeper::read(const raft::ReadSnapshot& wanted) {
  std::unique_ptr<wal::SnapshotReader>& reader = readers_[wanted.peer];
  if (!reader || reader->file().last_included != wanted.last_included) {
    auto opened = store_->read(wanted.last_included);
    if (!opened) {
      return opened.error();
    }
    reader = std::move(*opened);
  }
  Result<Bytes> content = reader->read(wanted.offset, wanted.max_bytes);
  if (!content) {
    return content.error();
  }
  return raft::SnapshotRead{wanted.peer, wanted.last_included, wanted.offset, SharedBytes(std::move(*content)),
                            reader->file().size};
}

}  // namespace strata::actors
