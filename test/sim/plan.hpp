// One run: every knob, every probability and every kind of fault, all drawn from the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/durability.hpp"
#include "base/time.hpp"
#include "sim/executor.hpp"
#include "sim/fault_kinds.hpp"
#include "sim/network.hpp"

namespace strata::sim {

struct Plan {
  std::uint64_t seed = 0;
  std::size_t nodes = 3;

  Duration election_timeout = std::chrono::milliseconds(500);
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Durability ack = Durability::synced;
  bool pre_vote = true;
  bool check_quorum = true;
  Duration fsync_interval{};
  std::size_t max_append_bytes = 1 << 20;
  std::size_t window_bytes = 8 << 20;
  std::size_t window_messages = 128;
  std::size_t cache_bytes = 64 << 20;
  std::size_t max_uncommitted_bytes = 256 << 20;
  std::uint64_t segment_size = 256 << 10;
  std::size_t max_chunk_bytes = 256 << 10;
  std::size_t snapshot_piece_size = 64 << 10;
  std::size_t snapshot_log_size = 0;          // bytes of log kept for the two newest snapshots; 0: none is taken
  std::optional<std::uint32_t> max_sessions;  // nothing: more than there are clients
  std::size_t short_write = 0;                // the most that one write takes; 0: everything
  std::int64_t clock_drift_ppm = 0;           // at most

  ServiceTime loop_time{std::chrono::microseconds(1), std::chrono::microseconds(5)};
  ServiceTime disk_time{std::chrono::microseconds(20), std::chrono::microseconds(80)};

  std::size_t clients = 3;
  std::size_t in_flight = 2;  // requests of one client
  std::size_t keys = 8;
  std::size_t value_size = 100;  // at most
  std::uint64_t large = 0;       // of the SETs, in thousandths: with a value of up to
  std::size_t large_value_size = 0;
  std::uint64_t empty = 0;   // of the SETs: with an empty value, each to a key of its own; of the GETs: of such a key
  std::uint64_t sets = 500;  // in thousandths of all requests
  std::uint64_t once = 0;    // of the SETs: with ONCE, repeated until one is answered OK
  std::uint64_t conditional = 0;  // and with IF
  std::uint64_t impatient = 0;    // of those with ONCE: sent to two nodes at the same time
  std::uint64_t synced = 0;       // of all requests and of each repeat: with SYNCED
  Duration think_time = std::chrono::milliseconds(10);
  Duration client_patience = std::chrono::seconds(8);

  NetworkFaults network;               // while there are faults
  std::uint64_t lost_for_clients = 0;  // while there are faults, in thousandths, each way
  FaultWeights faults;
  Duration between_faults = std::chrono::seconds(1);
  std::uint64_t together = 0;      // in thousandths: when a fault strikes, another does at the same moment, and so on
  std::uint64_t at_elections = 0;  // in thousandths: one strikes at the moment when a node begins to lead
  Duration down_time = std::chrono::milliseconds(500);
  Duration fault_time = std::chrono::milliseconds(500);  // of what lasts: pauses, partitions, slow disks
  std::uint64_t some_stay_away = 0;  // in thousandths: in the end no more than a majority, or a few more, come back

  // Safety is demanded throughout; from `calm_at` on there are no faults, and liveness is demanded too.
  Duration calm_at = std::chrono::seconds(40);
  Duration end_at = std::chrono::seconds(50);
};

// What `sim --seed` runs. A choice changes nothing but the faults.
Plan draw_plan(std::uint64_t seed, const FaultChoice& choice = {});
// Nothing goes wrong: for scenarios, which make their own trouble.
Plan quiet_plan(std::uint64_t seed);

}  // namespace strata::sim
