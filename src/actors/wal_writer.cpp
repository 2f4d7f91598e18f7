#include "actors/wal_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

WalWriter::WalWriter(std::unique_ptr<wal::Log> log, std::unique_ptr<wal::MetadataFile> metadata,
                     std::uint64_t segment_size, WalMailbox& mailbox, RaftMailbox& raft, FsyncMailbox& fsync,
                     AllocatorMailbox& allocator, std::function<void(const Error&)> on_failure)
    : log_(std::move(log)),
      metadata_(std::move(metadata)),
      spare_from_(segment_size / 2),
      mailbox_(mailbox),
      raft_(raft),
      fsync_(fsync),
      allocator_(allocator),
      on_failure_(std::move(on_failure)) {}

boost::asio::awaitable<void> WalWriter::run() {
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      co_return;
    }
    for (WalMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
    write_gathered();
  }
}

void WalWriter::on(const raft::HardState& hard_state) {
  write_gathered();
  if (poisoned_) {
    return;
  }
  wal::Metadata metadata = metadata_->current();
  metadata.term = hard_state.term;
  metadata.vote = hard_state.vote;
  if (const Result<void> saved = metadata_->save(metadata); !saved) {
    fail(saved.error());
    return;
  }
  raft_.post_owed(raft::HardStateSaved{hard_state}, sizeof hard_state);
}

void WalWriter::on(AppendEntriesToLog& append) {
  std::vector<Entry>& entries = append.append.entries;
  if (!gathered_.empty() && gathered_.back().index.next() != entries.front().index) {
    write_gathered();
  }
  if (gathered_.empty()) {
    gathered_ = std::move(entries);
  } else {
    sometimes(Mark::writes_gathered);
    gathered_.insert(gathered_.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  }
  gathered_id_ = append.append.id;
  gathered_marks_ = append.marks;
}

void WalWriter::write_gathered() {
  if (gathered_.empty()) {
    return;
  }
  const std::vector<Entry> entries = std::exchange(gathered_, {});
  if (poisoned_) {
    return;
  }
  auto target = log_->append(entries, gathered_marks_);
  if (!target) {
    fail(target.error());
    return;
  }
  const std::uint32_t end = target->end.offset;
  fsync_.post_owed(Written{gathered_id_, std::move(*target)}, sizeof(Written));
  // Not sooner: the disk is busy enough when a node starts, and a spare that could not be made (a full disk) is not
  // asked for again and again.
  if (end >= spare_from_) {
    ask_for_spare();
  }
}

void WalWriter::on(const raft::Fetch& fetch) {
  write_gathered();
  raft::Fetched fetched{fetch.peer, {}};
  std::size_t bytes = 0;
  // The log may have become shorter since the question was asked, at either end.
  const bool within = fetch.first >= log_->first_index() && fetch.first <= log_->last_index();
  const bool there = within && !rarely(RareWay::fetch_finds_nothing);
  if (!there) {
    sometimes(Mark::fetch_outside_log);
  }
  if (!poisoned_ && there) {
    auto entries = log_->read(fetch.first, std::min(fetch.last, log_->last_index()), fetch.max_bytes);
    if (!entries) {
      fail(entries.error());
      return;
    }
    fetched.entries = std::move(*entries);
    for (const Entry& entry : fetched.entries) {
      bytes += entry.body.size();
    }
  }
  raft_.post_owed(std::move(fetched), bytes);
}

void WalWriter::on(const RestartLog& restart) {
  write_gathered();
  if (poisoned_) {
    return;
  }
  if (const Result<void> restarted = log_->restart(restart.base, restart.marks); !restarted) {
    fail(restarted.error());
  }
}

void WalWriter::on(const ReleaseLog& release) {
  write_gathered();
  if (poisoned_) {
    return;
  }
  if (const Result<void> released = log_->release(release.up_to); !released) {
    fail(released.error());
  }
}

void WalWriter::on(SpareReady& ready) {
  spare_wanted_ = false;
  if (ready.spare) {
    log_->give_spare(std::move(ready.spare));
  }
}

void WalWriter::ask_for_spare() {
  if (spare_wanted_ || poisoned_) {
    return;
  }
  if (const auto sequence = log_->wants_spare()) {
    spare_wanted_ = allocator_.post_owed(PrepareSpare{*sequence}, 0) == PostResult::accepted;
  }
}

void WalWriter::fail(const Error& error) {
  poisoned_ = true;
  on_failure_(error);
}

}  // namespace strata::actors
