#include "sim/faults.hpp"

#include <algorithm>
#include <utility>

namespace strata::sim {

Faults::Faults(World& world) : world_(world), random_(world.plan().seed, Purpose::faults) {}

void Faults::start() {
  running_ = true;
  world_.network().set_faults(world_.plan().network);
  schedule_next();
}

void Faults::stop() {
  running_ = false;
  NetworkFaults calm;
  calm.typical_delay = std::min<Duration>(world_.plan().network.typical_delay, std::chrono::milliseconds(2));
  world_.network().set_faults(calm);
  world_.network().heal();
  for (const NodeId node : world_.nodes()) {
    world_.machine(node).calm_down();
  }
  world_.start_all();
}

void Faults::later(Duration delay, std::function<void()> what) {
  world_.scheduler().after(delay, [this, what = std::move(what)] {
    if (running_) {
      what();
    }
  });
}

void Faults::schedule_next() {
  if (world_.plan().faults.total() > 0) {
    later(draw(world_.plan().between_faults), [this] {
      strike();
      schedule_next();
    });
  }
}

NodeId Faults::draw_node() {
  return NodeId(static_cast<std::uint16_t>(1 + random_.below(world_.plan().nodes)));
}

// Trouble is worst where the leader is.
NodeId Faults::draw_victim() {
  const std::optional<NodeId> leader = world_.leader();
  const NodeId any = draw_node();
  return leader && random_.chance(400) ? *leader : any;
}

void Faults::strike() {
  const FaultWeights& weights = world_.plan().faults;
  const NodeId victim = draw_victim();
  std::uint64_t drawn = random_.below(weights.total());
  const auto is = [&drawn](std::uint64_t weight) {
    const bool hit = drawn < weight;
    drawn = hit ? ~std::uint64_t{0} : drawn - weight;
    return hit;
  };
  if (is(weights.kill)) {
    end(victim, Ending::process_killed);
  } else if (is(weights.power_loss)) {
    end(victim, Ending::power_lost);
  } else if (is(weights.wide_power_loss)) {
    end_many();
  } else if (is(weights.crash_in_write)) {
    crash_in_write(victim);
  } else if (is(weights.clean_stop)) {
    stop_cleanly(victim);
  } else if (is(weights.pause)) {
    world_.machine(victim).pause(draw(world_.plan().fault_time));
  } else if (is(weights.slow_disk)) {
    slow_disk(victim);
  } else if (is(weights.partition)) {
    partition(victim);
  } else {
    clog();
  }
}

void Faults::start_later(NodeId node) {
  later(draw(world_.plan().down_time), [this, node] {
    Machine& machine = world_.machine(node);
    if (machine.is_up()) {
      return;
    }
    machine.start();
    if (!machine.is_up()) {
      start_later(node);  // it was told to crash while it starts
    }
  });
}

void Faults::end(NodeId node, Ending ending) {
  world_.machine(node).end(ending);
  start_later(node);
}

void Faults::end_many() {
  const std::size_t majority = world_.plan().nodes / 2 + 1;
  const std::size_t count = random_.chance(500) ? world_.plan().nodes : majority;
  std::vector<NodeId> nodes = world_.nodes();
  for (std::size_t ended = 0; ended < count; ++ended) {
    const auto chosen = nodes.begin() + static_cast<std::ptrdiff_t>(random_.below(nodes.size()));
    end(*chosen, Ending::power_lost);
    nodes.erase(chosen);
  }
}

void Faults::crash_in_write(NodeId node) {
  const bool power_may_go = world_.plan().faults.power_loss + world_.plan().faults.wide_power_loss > 0;
  const Ending ending = power_may_go && random_.chance(500) ? Ending::power_lost : Ending::process_killed;
  Machine& machine = world_.machine(node);
  if (random_.chance(300)) {
    machine.end(ending);
    machine.end_in_disk_call(random_.below(30), ending);  // while it starts again
  } else {
    machine.end_in_disk_call(random_.below(20), ending);
  }
  start_later(node);
}

void Faults::stop_cleanly(NodeId node) {
  world_.machine(node).stop(time_to_stop);
  start_later(node);
}

void Faults::slow_disk(NodeId node) {
  const Duration typical = random_.between(std::chrono::milliseconds(1), std::chrono::milliseconds(500));
  world_.machine(node).slow_disk(draw(world_.plan().fault_time), {Duration::zero(), typical});
}

void Faults::partition(NodeId node) {
  std::vector<std::pair<NodeId, NodeId>> ways;
  const std::uint64_t kind = random_.below(4);
  const NodeId one = draw_node();
  const std::uint64_t half = random_.next();
  for (const NodeId from : world_.nodes()) {
    for (const NodeId to : world_.nodes()) {
      const bool cut = kind == 0   ? from == node || to == node  // one apart from all
                       : kind == 1 ? from == node                // it is not heard, but hears
                       : kind == 2 ? (from == node && to == one) || (from == one && to == node)  // one pair only
                                   : (half >> from.value & 1) != (half >> to.value & 1);         // two parts
      if (cut && from != to) {
        ways.emplace_back(from, to);
      }
    }
  }
  cut_for_a_while(ways);
}

void Faults::cut_for_a_while(const std::vector<std::pair<NodeId, NodeId>>& ways) {
  for (const auto& [from, to] : ways) {
    world_.network().cut(from, to, true);
  }
  later(draw(2 * world_.plan().fault_time), [this, ways] {
    for (const auto& [from, to] : ways) {
      world_.network().cut(from, to, false);
    }
  });
}

void Faults::clog() {
  const NodeId from = draw_node();
  const NodeId to = draw_node();
  if (from != to) {
    world_.network().clog(from, to, world_.scheduler().now() + draw(world_.plan().fault_time));
  }
}

}  // namespace strata::sim
