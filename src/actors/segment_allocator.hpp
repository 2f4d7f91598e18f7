// The segment allocator prepares the log's next segment (allocated, zero-filled, synced) and removes those that a
// snapshot has replaced, on a thread of its own, so that neither writing nor syncing waits for it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "actors/messages.hpp"
#include "base/log.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"

namespace strata::actors {

class SegmentAllocator {
 public:
  SegmentAllocator(wal::FileSystem& files, wal::LogOptions options, Logger& logger, AllocatorMailbox& mailbox,
                   WalMailbox& wal, std::function<void(const Error&)> on_disk_failure);

  boost::asio::awaitable<void> run();

 private:
  void on(const PrepareSpare& wanted);
  void on(const RemoveSegments& released);
  void poison(const Error& error);

  wal::FileSystem& files_;
  wal::LogOptions options_;
  Logger& logger_;
  AllocatorMailbox& mailbox_;
  WalMailbox& wal_;
  std::function<void(const Error&)> on_disk_failure_;
  // The disk has failed: nothing is asked of it any more. (If a segment stayed and a later one went, the log would have
  // a hole.)
  bool poisoned_ = false;
};

}  // namespace strata::actors
