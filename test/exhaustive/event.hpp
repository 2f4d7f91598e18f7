// What may happen to one node, as one number.
#pragma once

#include <cstdint>

#include "base/assert.hpp"

namespace strata::exhaustive {

enum class Happening : std::uint8_t {
  message,       // number: which one arrives
  election_due,  // the election timer of a follower or candidate fires
  heartbeat_due,
  propose,      // number: of the command
  read,         // number: the last index that any node had handed out as committed when the read began
  disk_works,   // the first job that waits is done
  disk_synced,  // number: how many of the unsynced writes the sync covers
  process_dies,
  power_lost,  // number: how many of the unsynced writes are there nevertheless
  disk_lost,   // the node comes back with an empty one, and rejoins
  introduces,  // the node makes its start known to those who have not recorded it
};

// 31 bits, so that there is room beside it.
class Event {
 public:
  Event() = default;
  // `stalled`: the disk does not do at once what the node hands in.
  Event(Happening what, std::uint32_t number, bool stalled = false)
      : packed_(static_cast<std::uint32_t>(what) << 27 | static_cast<std::uint32_t>(stalled) << 26 | number) {
    STRATA_ASSERT(number < 1U << 26);
  }

  Happening what() const { return static_cast<Happening>(packed_ >> 27); }
  std::uint32_t number() const { return packed_ & ((1U << 26) - 1); }
  bool stalled() const { return (packed_ >> 26 & 1) != 0; }
  std::uint32_t packed() const { return packed_; }

 private:
  std::uint32_t packed_ = 0;
};

}  // namespace strata::exhaustive
