#include "sim/plan.hpp"

#include <algorithm>
#include <array>

namespace strata::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Few kinds or many: what some combinations find, the mixture of all of them hides. Once in ten times none at all.
FaultWeights draw_weights(Random& random) {
  constexpr std::array<std::uint64_t, 4> shares{60, 150, 300, 500};
  const std::uint64_t share = random.one_of(shares);
  const bool none = random.chance(100);
  FaultWeights weights;
  for (const FaultKind& kind : all_faults()) {
    const bool happens = random.chance(share);
    const std::uint64_t weight = random.below(10) + 1;
    weights[kind.fault] = happens && !none ? weight : 0;
  }
  return weights;
}

void choose(FaultWeights& weights, const FaultChoice& choice) {
  for (const FaultKind& kind : all_faults()) {
    const Fault fault = kind.fault;
    const bool wanted = choice.with.contains(fault) || (choice.only && choice.only->contains(fault));
    const bool excluded = choice.without.contains(fault) || (choice.only && !wanted);
    if (excluded) {
      weights[fault] = 0;
    } else if (wanted) {
      weights[fault] = std::max<std::uint64_t>(weights[fault], 1);
    }
  }
}

void draw_faults(Random& random, const FaultChoice& choice, Plan& plan) {
  FaultWeights& faults = plan.faults;
  faults = draw_weights(random);
  choose(faults, choice);
  plan.between_faults = milliseconds(random.between(100, 3000));
  const bool some_together = random.chance(500);
  const std::uint64_t together = 1 + random.below(600);
  plan.together = some_together ? together : 0;
  const bool some_at_elections = random.chance(400);
  const std::uint64_t at_elections = 1 + random.below(1000);
  plan.at_elections = some_at_elections ? at_elections : 0;
  plan.down_time = milliseconds(random.between(10, 3000));
  plan.fault_time = milliseconds(random.between(10, 3000));
  const std::uint64_t some_stay_away = random.below(600);
  plan.some_stay_away = faults.any() ? some_stay_away : 0;
}

// Every number is drawn, whether it is used or not: so a plan with fewer faults is the same in all else.
void draw_network(Random& random, Plan& plan) {
  NetworkFaults& network = plan.network;
  const FaultWeights& faults = plan.faults;
  const auto draw = [&](Fault fault, std::uint64_t most) {
    const std::uint64_t drawn = random.below(most) + 1;
    return faults[fault] > 0 ? drawn : 0;
  };
  network.least_delay = microseconds(random.between(10, 200));
  network.typical_delay = microseconds(random.between(10, 1'000));
  const std::uint64_t much_is_lost = random.chance(200) ? 500 : 30;
  network.lost = draw(Fault::drop, much_is_lost);
  network.duplicated = draw(Fault::duplicate, 300);
  network.reordered = draw(Fault::reorder, 300);
  network.reordered_by = milliseconds(random.between(1, 200));
  network.delayed = draw(Fault::delay, 100);
  network.delayed_by = milliseconds(random.between(1, 500));
  const std::uint64_t much_is_replayed = random.chance(200) ? 400 : 50;
  network.replayed = draw(Fault::replay, much_is_replayed);
  network.replayed_by = milliseconds(random.between(10, 10'000));
  network.stale = draw(Fault::old_life, 1000);
  network.stale_by = milliseconds(random.between(0, 3000));
  network.damaged = draw(Fault::damage, 20);
  const std::uint64_t high_water = draw(Fault::high_water, 20);
  network.high_water = high_water > 0 ? high_water : 1000;
  plan.lost_for_clients = draw(Fault::client_drop, 200);
}

void draw_machine(Random& random, Plan& plan) {
  const std::size_t short_write = 1 + random.below(4096);
  plan.short_write = plan.faults[Fault::short_write] > 0 ? short_write : 0;
  const std::int64_t drift = random.between(1, 200'000);
  plan.clock_drift_ppm = plan.faults[Fault::drift] > 0 ? drift : 0;
  plan.disk_time.least = microseconds(random.between(1, 200));
  const std::int64_t slowest = random.chance(200) ? 20'000 : 1'000;
  plan.disk_time.typical = microseconds(random.between(1, slowest));
}

void draw_node(Random& random, Plan& plan) {
  constexpr std::array<std::size_t, 13> sizes{3, 3, 3, 3, 3, 3, 1, 2, 4, 5, 5, 6, 7};
  plan.nodes = random.one_of(sizes);
  plan.election_timeout = milliseconds(random.between(150, 600));
  plan.heartbeat_interval = plan.election_timeout / random.between(4, 12);
  plan.ack = random.chance(300) ? Durability::written : Durability::synced;
  plan.fsync_interval = random.chance(500) ? Duration::zero() : Duration(microseconds(random.between(100, 50'000)));
  plan.max_append_bytes = random.chance(500) ? 1 << 20 : 1 + random.below(4096);
  plan.window_bytes = random.chance(500) ? 8 << 20 : 1 + random.below(16384);
  plan.window_messages = random.chance(500) ? 128 : 1 + random.below(8);
  const bool small_cache = random.chance(500) && plan.nodes > 1;  // for peers that are far behind
  plan.cache_bytes = small_cache ? random.below(20'000) : 64 << 20;
  plan.segment_size = (std::uint64_t{4} << random.below(7)) << 10;
  const bool takes_snapshots = random.chance(600);
  const std::size_t snapshot_log_size = (std::size_t{2} << random.below(8)) << 10;
  plan.snapshot_log_size = takes_snapshots ? snapshot_log_size : 0;
}

void draw_load(Random& random, Plan& plan) {
  constexpr std::array<std::uint64_t, 5> key_counts{1, 4, 16, 64, 64};
  plan.clients = 1 + random.below(12);
  const std::uint64_t most_in_flight = random.chance(300) ? 32 : 4;
  plan.in_flight = 1 + random.below(most_in_flight);
  const std::uint64_t most_keys = random.one_of(key_counts);
  const bool many_keys = random.chance(50);
  plan.keys = 1 + random.below(many_keys ? 10'000 : most_keys);
  plan.value_size = random.below(300);
  plan.large = random.chance(300) ? 1 + random.below(20) : 0;
  const std::uint64_t largest = random.chance(50) ? 1 << 20 : 64 << 10;
  plan.large_value_size = random.below(largest) + 1;
  const bool some_are_empty = random.chance(300);
  const std::uint64_t empty = 1 + random.below(50);
  plan.empty = some_are_empty ? empty : 0;
  plan.sets = 100 + random.below(801);
  const bool some_are_impatient = random.chance(400);
  const std::uint64_t impatient = 1 + random.below(500);
  plan.impatient = some_are_impatient ? impatient : 0;
  const bool gives_up_early = random.chance(300);
  const Duration patience = milliseconds(random.between(20, 2000));
  plan.client_patience = gives_up_early ? patience : Duration(seconds(8));
  plan.once = random.below(501);
  plan.conditional = random.below(301);
  const auto clients = static_cast<std::int64_t>(plan.clients * plan.in_flight);
  plan.think_time = milliseconds(random.between(5, 80)) * clients;
}

// A leader that steps down in time, and elections that wait for it, hide what is wrong with the rules of Figure 2: some
// clusters have nothing else to rely on.
void draw_rules(Random& random, Plan& plan) {
  plan.pre_vote = !random.chance(200);
  plan.check_quorum = !random.chance(200);
}

// More of them, and in small parts, so that they are under way when something else happens.
void draw_snapshots(Random& random, Plan& plan) {
  const bool very_often = random.chance(300) && plan.snapshot_log_size > 0;
  const std::size_t log_size = 500 + random.below(4000);
  plan.snapshot_log_size = very_often ? log_size : plan.snapshot_log_size;
  const bool in_parts = random.chance(700) && plan.large == 0 && plan.keys <= 64;  // some hundred parts at most
  const std::size_t part = 64 + random.below(4000);
  plan.max_chunk_bytes = in_parts ? part : plan.max_chunk_bytes;
  plan.snapshot_piece_size = in_parts ? part : plan.snapshot_piece_size;
}

// So few that they are reached.
void draw_limits(Random& random, Plan& plan) {
  const bool few_sessions = random.chance(300);
  const auto sessions = static_cast<std::uint32_t>(1 + random.below(12));
  if (few_sessions) {
    plan.max_sessions = sessions;
  }
  const bool little_uncommitted = random.chance(200);
  const std::size_t uncommitted = 1 + random.below(20'000);
  plan.max_uncommitted_bytes = little_uncommitted ? uncommitted : plan.max_uncommitted_bytes;
}

// At either level some requests ask for SYNCED: what is durable anyway must be answered no later for it.
void draw_levels(Random& random, const FaultChoice& choice, Plan& plan) {
  const bool some_are_synced = random.chance(600);
  const std::uint64_t synced = 1 + random.below(600);
  plan.synced = some_are_synced ? synced : 0;
  const bool rarely_synced = random.chance(300);
  const Duration rarely = milliseconds(random.between(50, 2000));
  const bool often_without_power = random.chance(400);
  if (plan.ack != Durability::written) {
    return;
  }
  if (rarely_synced) {
    plan.fsync_interval = rarely;
  }
  if (often_without_power && plan.faults.any()) {
    constexpr std::uint64_t often = 5;
    plan.faults[Fault::power_loss] = often;
    plan.faults[Fault::wide_power_loss] = often;
    choose(plan.faults, choice);
  }
}

}  // namespace

Plan draw_plan(std::uint64_t seed, const FaultChoice& choice) {
  Random random(seed, Purpose::plan);
  Plan plan;
  plan.seed = seed;
  draw_node(random, plan);
  draw_faults(random, choice, plan);
  draw_network(random, plan);
  draw_machine(random, plan);
  draw_load(random, plan);
  draw_rules(random, plan);
  plan.calm_at = seconds(random.between(5, 75));
  plan.end_at = plan.calm_at + seconds(20);
  draw_snapshots(random, plan);
  draw_limits(random, plan);
  draw_levels(random, choice, plan);
  return plan;
}

Plan quiet_plan(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  return plan;
}

}  // namespace strata::sim
