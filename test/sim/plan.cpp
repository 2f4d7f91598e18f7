#include "sim/plan.hpp"

#include <array>

namespace strata::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Half of the seeds know a fault at all: combinations of few faults find what the mixture of all of them hides.
std::uint64_t draw_weight(Random& random) {
  return random.chance(500) ? random.below(10) + 1 : 0;
}

void draw_faults(Random& random, Plan& plan) {
  if (random.chance(100)) {
    return;  // a run without faults
  }
  FaultWeights& faults = plan.faults;
  faults.kill = draw_weight(random);
  faults.crash_in_write = draw_weight(random);
  faults.clean_stop = draw_weight(random) / 3;
  faults.pause = draw_weight(random);
  faults.slow_disk = draw_weight(random);
  faults.partition = draw_weight(random);
  faults.clog = draw_weight(random);
  const std::uint64_t power_loss = draw_weight(random);
  const std::uint64_t wide_power_loss = draw_weight(random);
  // At `written` a loss of power may cost what was acknowledged.
  if (plan.ack == Durability::synced) {
    faults.power_loss = power_loss;
    faults.wide_power_loss = wide_power_loss;
  }
  plan.between_faults = milliseconds(random.between(100, 3000));
  plan.down_time = milliseconds(random.between(10, 3000));
  plan.fault_time = milliseconds(random.between(10, 3000));
}

void draw_network(Random& random, Plan& plan) {
  NetworkFaults& network = plan.network;
  network.least_delay = microseconds(random.between(10, 200));
  network.typical_delay = microseconds(random.between(10, random.chance(200) ? 30'000 : 1'000));
  if (plan.faults.total() == 0) {
    return;
  }
  network.lost = random.chance(400) ? random.below(random.chance(200) ? 300 : 30) : 0;
  network.duplicated = random.chance(400) ? random.below(100) : 0;
  network.reordered = random.chance(400) ? random.below(200) : 0;
  network.reordered_by = milliseconds(random.between(1, 200));
  network.stale = random.chance(300) ? random.below(500) : 0;
  network.high_water = random.chance(200) ? 1 + random.below(20) : 1000;
}

void draw_node(Random& random, Plan& plan) {
  constexpr std::array<std::size_t, 12> sizes{3, 3, 3, 3, 3, 3, 1, 2, 4, 5, 5, 7};
  plan.nodes = random.one_of(sizes);
  plan.election_timeout = milliseconds(random.between(150, 600));
  plan.heartbeat_interval = plan.election_timeout / random.between(4, 12);
  plan.ack = random.chance(150) ? Durability::written : Durability::synced;
  plan.fsync_interval = random.chance(500) ? Duration::zero() : Duration(microseconds(random.between(100, 50'000)));
  plan.max_append_bytes = random.chance(500) ? 1 << 20 : 1 + random.below(4096);
  plan.window_bytes = random.chance(500) ? 8 << 20 : 1 + random.below(16384);
  plan.window_messages = random.chance(500) ? 128 : 1 + random.below(8);
  const bool small_cache = random.chance(500) && plan.nodes > 1;  // for peers that are far behind
  plan.cache_bytes = small_cache ? random.below(20'000) : 64 << 20;
  plan.segment_size = (std::uint64_t{4} << random.below(7)) << 10;
  plan.short_write = random.chance(300) ? 1 + random.below(4096) : 0;
  plan.clock_drift_ppm = random.chance(300) ? random.between(0, 100'000) : 0;
  plan.disk_time.least = microseconds(random.between(1, 200));
  plan.disk_time.typical = microseconds(random.between(1, random.chance(200) ? 20'000 : 1'000));
}

void draw_load(Random& random, Plan& plan) {
  plan.clients = 1 + random.below(6);
  plan.in_flight = 1 + random.below(random.chance(300) ? 32 : 4);
  plan.keys = 1 + random.below(random.chance(500) ? 4 : 64);
  plan.value_size = 16 + random.below(random.chance(100) ? 20'000 : 300);
  plan.sets = 100 + random.below(801);
  plan.once = random.below(501);
  plan.conditional = random.below(301);
  plan.think_time = milliseconds(random.between(10, 200)) * static_cast<std::int64_t>(plan.in_flight);
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  Random random(seed, Purpose::plan);
  Plan plan;
  plan.seed = seed;
  draw_node(random, plan);
  draw_faults(random, plan);
  draw_network(random, plan);
  draw_load(random, plan);
  plan.calm_at = seconds(random.between(5, 75));
  plan.end_at = plan.calm_at + seconds(20);
  return plan;
}

Plan quiet_plan(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  return plan;
}

}  // namespace strata::sim
