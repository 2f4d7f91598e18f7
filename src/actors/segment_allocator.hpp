// The segment allocator prepares the log's next segment (allocated, zero-filled, synced) on a thread of its own, so
// that neither writing nor syncing waits for it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "actors/messages.hpp"
#include "base/log.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"

namespace strata::actors {

class SegmentAllocator {
 public:
  SegmentAllocator(wal::FileSystem& files, wal::LogOptions options, Logger& logger, AllocatorMailbox& mailbox,
                   WalMailbox& wal);

  boost::asio::awaitable<void> run();

 private:
  void on(const PrepareSpare& wanted);

  wal::FileSystem& files_;
  wal::LogOptions options_;
  Logger& logger_;
  AllocatorMailbox& mailbox_;
  WalMailbox& wal_;
};

}  // namespace strata::actors
