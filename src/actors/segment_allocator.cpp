#include "actors/segment_allocator.hpp"

#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

SegmentAllocator::SegmentAllocator(wal::FileSystem& files, wal::LogOptions options, Logger& logger,
                                   AllocatorMailbox& mailbox, WalMailbox& wal)
    : files_(files), options_(std::move(options)), logger_(logger), mailbox_(mailbox), wal_(wal) {}

boost::asio::awaitable<void> SegmentAllocator::run() {
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      co_return;
    }
    for (AllocatorMessage& message : batch) {
      on(std::get<PrepareSpare>(message));
    }
  }
}

void SegmentAllocator::on(const PrepareSpare& wanted) {
  if (rarely(RareWay::spare_cannot_be_made)) {
    wal_.post_owed(SpareReady{}, 0);
    return;
  }
  auto prepared = wal::prepare_segment(files_, options_, wanted.sequence);
  if (!prepared) {
    // Not yet a failure: the writer tries again itself when it needs the segment, and reports what it meets.
    logger_.warning("log segment {} could not be prepared ahead: {}", wanted.sequence, prepared.error().text);
  }
  SpareReady ready{prepared ? std::move(*prepared) : nullptr};
  wal_.post_owed(std::move(ready), 0);
}

}  // namespace strata::actors
