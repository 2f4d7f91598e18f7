#include "sim/faults.hpp"

#include <algorithm>
#include <utility>

namespace strata::sim {

Faults::Faults(World& world) : world_(world), random_(world.plan().seed, Purpose::faults) {}

void Faults::start() {
  running_ = true;
  world_.network().set_faults(world_.plan().network);
  world_.lose_for_clients(world_.plan().lost_for_clients);
  schedule_next();
  if (world_.plan().at_elections > 0) {
    watch_elections();
  }
}

// Between the election and its first entry on a majority is where most of the hard cases begin.
void Faults::watch_elections() {
  later(std::chrono::milliseconds(1), [this] {
    const std::size_t elections = world_.oracles().elections();
    if (std::exchange(elections_, elections) < elections && random_.chance(world_.plan().at_elections)) {
      strike_some();
    }
    watch_elections();
  });
}

void Faults::stop() {
  running_ = false;
  NetworkFaults calm;
  calm.typical_delay = std::min<Duration>(world_.plan().network.typical_delay, std::chrono::microseconds(200));
  world_.network().set_faults(calm);
  world_.network().heal();
  world_.lose_for_clients(0);
  calm_load();
  for (const NodeId node : world_.nodes()) {
    if (world_.machine(node).has_old_disk()) {
      world_.machine(node).replace_disk();  // somebody finds out at last
    }
  }
  choose_core();
  for (const NodeId node : world_.core()) {
    world_.machine(node).calm_down();
    if (world_.machine(node).has_decayed()) {
      world_.machine(node).end(Ending::process_killed);  // whatever has decayed is found now
    }
  }
  world_.start_all();
}

// Mostly all. Else a majority: a cluster has to live with the others gone.
void Faults::choose_core() {
  const std::size_t majority = world_.plan().nodes / 2 + 1;
  const bool some_stay_away = random_.chance(world_.plan().some_stay_away);
  if (majority == world_.plan().nodes || !some_stay_away || !world_.all_admitted()) {
    return;
  }
  std::vector<NodeId> order = draw_order();
  const std::size_t count = majority + random_.below(world_.plan().nodes - majority);
  const std::vector<NodeId> away(order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  order.resize(count);
  std::ranges::sort(order);
  world_.set_core(order);
  leave_away(away);
}

void Faults::leave_away(const std::vector<NodeId>& away) {
  for (const NodeId node : away) {
    Machine& machine = world_.machine(node);
    machine.calm_down();
    if (random_.chance(500)) {
      machine.end(Ending::process_killed);
    }
    for (const NodeId other : world_.core()) {
      world_.network().cut(node, other, true);
      world_.network().cut(other, node, true);
    }
  }
}

void Faults::later(Duration delay, std::function<void()> what) {
  world_.scheduler().after(delay, [this, what = std::move(what)] {
    if (running_) {
      what();
    }
  });
}

const std::array<Faults::Strike, fault_kinds>& Faults::strikes() {
  static const std::array<Strike, fault_kinds> strikes = [] {
    std::array<Strike, fault_kinds> of{};
    of[place(Fault::clog)] = &Faults::clog;
    of[place(Fault::swizzle_clog)] = &Faults::swizzle_clog;
    of[place(Fault::flap)] = &Faults::flap;
    of[place(Fault::dead_link)] = &Faults::kill_connection;
    of[place(Fault::isolate)] = &Faults::partition<Shape::isolate>;
    of[place(Fault::mute)] = &Faults::partition<Shape::mute>;
    of[place(Fault::deaf)] = &Faults::partition<Shape::deaf>;
    of[place(Fault::pair)] = &Faults::partition<Shape::pair>;
    of[place(Fault::halves)] = &Faults::partition<Shape::halves>;
    of[place(Fault::bridge)] = &Faults::partition<Shape::bridge>;
    of[place(Fault::ring)] = &Faults::partition<Shape::ring>;
    of[place(Fault::quorum_loss)] = &Faults::partition<Shape::quorum_loss>;
    of[place(Fault::constrained)] = &Faults::partition<Shape::constrained>;
    of[place(Fault::chained)] = &Faults::partition<Shape::chained>;
    of[place(Fault::kill)] = &Faults::kill;
    of[place(Fault::crash_in_call)] = &Faults::crash_in_call;
    of[place(Fault::clean_stop)] = &Faults::stop_cleanly;
    of[place(Fault::rolling_stop)] = &Faults::roll;
    of[place(Fault::restart_storm)] = &Faults::storm;
    of[place(Fault::pause)] = &Faults::pause;
    of[place(Fault::slow_cpu)] = &Faults::slow_cpu;
    of[place(Fault::power_loss)] = &Faults::lose_power;
    of[place(Fault::wide_power_loss)] = &Faults::lose_much_power;
    of[place(Fault::slow_disk)] = &Faults::slow_disk;
    of[place(Fault::hung_disk)] = &Faults::hang_disk;
    of[place(Fault::full_disk)] = &Faults::fill_disk;
    of[place(Fault::failing_write)] = &Faults::fail_call<test::FileOperation::write>;
    of[place(Fault::failing_sync)] = &Faults::fail_call<test::FileOperation::sync>;
    of[place(Fault::failing_read)] = &Faults::fail_call<test::FileOperation::read>;
    of[place(Fault::forgetting_sync)] = &Faults::forget_at_sync;
    of[place(Fault::lost_write)] = &Faults::spoil_sync<test::Spoiling::lost>;
    of[place(Fault::misdirected_write)] = &Faults::spoil_sync<test::Spoiling::misdirected>;
    of[place(Fault::bit_rot)] = &Faults::rot;
    of[place(Fault::replaced_disk)] = &Faults::replace_disk;
    of[place(Fault::old_disk)] = &Faults::bring_old_disk_back;
    of[place(Fault::late_ticks)] = &Faults::ring_late;
    of[place(Fault::clock_step)] = &Faults::step_clock;
    of[place(Fault::burst)] = &Faults::burst;
    of[place(Fault::hot_key)] = &Faults::hot_key;
    of[place(Fault::reconnect_storm)] = &Faults::reconnect_all;
    return of;
  }();
  return strikes;
}

void Faults::schedule_next() {
  later(draw(world_.plan().between_faults), [this] {
    strike_some();
    schedule_next();
  });
}

void Faults::strike_some() {
  constexpr int most = 5;
  for (int struck = 0; struck < most; ++struck) {
    strike_any();
    if (!random_.chance(world_.plan().together)) {
      return;
    }
  }
}

void Faults::strike_any() {
  const FaultWeights& weights = world_.plan().faults;
  std::uint64_t total = 0;
  for (const FaultKind& kind : all_faults()) {
    total += strikes()[place(kind.fault)] != nullptr ? weights[kind.fault] : 0;
  }
  if (total == 0) {
    return;
  }
  std::uint64_t drawn = random_.below(total);
  for (const FaultKind& kind : all_faults()) {
    const std::uint64_t weight = strikes()[place(kind.fault)] != nullptr ? weights[kind.fault] : 0;
    if (drawn < weight) {
      strike(kind.fault);
      return;
    }
    drawn -= weight;
  }
}

void Faults::strike(Fault fault) {
  running_ = true;
  world_.trace().text(NodeId(), all_faults()[place(fault)].name);
  (this->*strikes()[place(fault)])();
}

NodeId Faults::draw_node() {
  return NodeId(static_cast<std::uint16_t>(1 + random_.below(world_.plan().nodes)));
}

NodeId Faults::draw_victim() {
  const std::optional<NodeId> leader = world_.leader();
  const NodeId any = draw_node();
  return leader && random_.chance(400) ? *leader : any;
}

std::vector<NodeId> Faults::draw_order() {
  std::vector<NodeId> order = world_.nodes();
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random_.below(left)]);
  }
  return order;
}

Duration Faults::draw_time() {
  return std::max<Duration>(draw(world_.plan().fault_time), std::chrono::milliseconds(1));
}

}  // namespace strata::sim
