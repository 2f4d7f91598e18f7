// One run: every knob, every probability and every kind of fault, all drawn from the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/durability.hpp"
#include "base/time.hpp"
#include "sim/executor.hpp"
#include "sim/network.hpp"

namespace strata::sim {

// How often each kind of fault happens, compared with the others; 0: never.
struct FaultWeights {
  std::uint64_t kill = 0;             // kill -9: what was written stays
  std::uint64_t power_loss = 0;       // of one machine: what was not synced is kept or lost sector by sector
  std::uint64_t wide_power_loss = 0;  // of a majority, or of all
  std::uint64_t crash_in_write = 0;   // the process or the machine ends at some call to the disk, in the middle of a
                                      // write perhaps; it may be while it starts
  std::uint64_t clean_stop = 0;       // SIGTERM
  std::uint64_t pause = 0;            // of a whole process
  std::uint64_t slow_disk = 0;        // up to a second a call
  std::uint64_t partition = 0;        // in two halves, one member apart, one way only, or only one pair
  std::uint64_t clog = 0;             // a link holds everything back for a while
  std::uint64_t total() const {
    return kill + power_loss + wide_power_loss + crash_in_write + clean_stop + pause + slow_disk + partition + clog;
  }
};

struct Plan {
  std::uint64_t seed = 0;
  std::size_t nodes = 3;

  Duration election_timeout = std::chrono::milliseconds(500);
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Durability ack = Durability::synced;
  Duration fsync_interval{};
  std::size_t max_append_bytes = 1 << 20;
  std::size_t window_bytes = 8 << 20;
  std::size_t window_messages = 128;
  std::size_t cache_bytes = 64 << 20;
  std::uint64_t segment_size = 256 << 10;
  std::size_t snapshot_log_size = 0;  // bytes of log kept for the two newest snapshots; 0: none is taken
  std::size_t short_write = 0;        // the most that one write takes; 0: everything
  std::int64_t clock_drift_ppm = 0;

  ServiceTime loop_time{std::chrono::microseconds(1), std::chrono::microseconds(5)};
  ServiceTime disk_time{std::chrono::microseconds(20), std::chrono::microseconds(80)};

  std::size_t clients = 3;
  std::size_t in_flight = 2;  // requests of one client
  std::size_t keys = 8;
  std::size_t value_size = 100;   // at most
  std::uint64_t sets = 500;       // in thousandths of all requests
  std::uint64_t once = 0;         // of the SETs: with ONCE, repeated until one is answered OK
  std::uint64_t conditional = 0;  // and with IF
  Duration think_time = std::chrono::milliseconds(10);
  Duration client_patience = std::chrono::seconds(8);

  NetworkFaults network;  // while there are faults
  FaultWeights faults;
  Duration between_faults = std::chrono::seconds(1);
  Duration down_time = std::chrono::milliseconds(500);
  Duration fault_time = std::chrono::milliseconds(500);  // of what lasts: pauses, partitions, slow disks

  // Safety is demanded throughout; from `calm_at` on there are no faults, and liveness is demanded too.
  Duration calm_at = std::chrono::seconds(40);
  Duration end_at = std::chrono::seconds(50);
};

// What `sim --seed` runs.
Plan draw_plan(std::uint64_t seed);
// Nothing goes wrong: for scenarios, which make their own trouble.
Plan quiet_plan(std::uint64_t seed);

}  // namespace strata::sim
