#include "actors/segment_allocator.hpp"

#include <utility>
#include <variant>

#include "base/sometimes.hpp"

namespace strata::actors {

SegmentAllocator::SegmentAllocator(wal::FileSystem& files, wal::LogOptions options, Logger& logger,
                                   AllocatorMailbox& mailbox, WalMailbox& wal,
                                   std::function<void(const Error&)> on_disk_failure)
    : files_(files),
      options_(std::move(options)),
      logger_(logger),
      mailbox_(mailbox),
      wal_(wal),
      on_disk_failure_(std::move(on_disk_failure)) {}

boost::asio::awaitable<void> SegmentAllocator::run() {
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      co_return;
    }
    for (AllocatorMessage& message : batch) {
      std::visit([this](const auto& any) { on(any); }, message);
    }
  }
}

void SegmentAllocator::on(const PrepareSpare& wanted) {
  if (poisoned_ || rarely(RareWay::spare_cannot_be_made)) {
    wal_.post_owed(SpareReady{}, 0);
    return;
  }
  auto prepared = wal::prepare_segment(files_, options_, wanted.sequence);
  SpareReady ready;
  if (prepared) {
    ready.spare = std::move(*prepared);
  } else if (prepared.error().kind == ErrorKind::no_space) {
    ready.no_room = true;
  } else if (prepared.error().kind == ErrorKind::io) {
    poison(prepared.error());
  } else {
    // Not yet a failure: the writer tries again itself when it needs the segment, and reports what it meets.
    logger_.warning("log segment {} could not be prepared ahead: {}", wanted.sequence, prepared.error().text);
  }
  wal_.post_owed(std::move(ready), 0);
}

void SegmentAllocator::on(const RemoveSegments& released) {
  if (poisoned_) {
    return;
  }
  if (auto removed = wal::remove_segments(files_, options_.directory, released.paths); !removed) {
    poison(removed.error());
  }
}

void SegmentAllocator::poison(const Error& error) {
  poisoned_ = true;
  on_disk_failure_(error);
}

}  // namespace strata::actors
