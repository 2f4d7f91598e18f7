// The faults of the network that strike now and then.
#include <algorithm>
#include <utility>

#include "sim/faults.hpp"

namespace strata::sim {

void Faults::clog() {
  const NodeId from = draw_node();
  const NodeId to = draw_node();
  if (from != to) {
    world_.network().clog(from, to, world_.scheduler().now() + draw_time());
  }
}

// One after the other, and open again in another order (as FoundationDB's simulator does): each node's ways in and out
// are held back from a time on that is drawn for it, until another one.
void Faults::swizzle_clog() {
  const TimePoint now = world_.scheduler().now();
  const Duration step = draw_time() / 4;
  std::vector<NodeId> order = draw_order();
  order.resize(1 + random_.below(order.size()));
  for (std::size_t place = 0; place < order.size(); ++place) {
    const TimePoint from = now + static_cast<std::int64_t>(place) * step;
    const TimePoint all_clogged = now + static_cast<std::int64_t>(order.size()) * step;
    const TimePoint until = all_clogged + random_.between(Duration::zero(), 4 * step);
    clog_all_ways(order[place], from, until);
  }
}

void Faults::clog_all_ways(NodeId node, TimePoint from, TimePoint until) {
  later(from - world_.scheduler().now(), [this, node, until] {
    for (const NodeId other : world_.nodes()) {
      if (other != node) {
        world_.network().clog(node, other, until);
        world_.network().clog(other, node, until);
      }
    }
  });
}

void Faults::flap() {
  const std::vector<NodeId> order = draw_order();
  if (order.size() > 1) {
    break_again(order[0], order[1], 2 + random_.below(10));
  }
}

void Faults::break_again(NodeId one, NodeId other, std::uint64_t times) {
  world_.network().break_connection(one, other);
  world_.network().break_connection(other, one);
  if (times > 1) {
    later(draw(world_.plan().fault_time / 10), [this, one, other, times] { break_again(one, other, times - 1); });
  }
}

void Faults::kill_connection() {
  const NodeId from = draw_victim();
  const NodeId to = draw_node();
  if (from != to) {
    world_.network().kill_connection(from, to);
  }
}

template <Shape shape>
void Faults::partition() {
  std::vector<NodeId> order = draw_order();
  if (order.size() < 2) {
    return;
  }
  std::swap(order.front(), *std::ranges::find(order, draw_victim()));
  const std::size_t part = shape == Shape::bridge ? order.size() / 2 : 1 + random_.below(order.size() - 1);
  cut_for_a_while(ways_to_cut(shape, order, part));
}

template void Faults::partition<Shape::isolate>();
template void Faults::partition<Shape::mute>();
template void Faults::partition<Shape::deaf>();
template void Faults::partition<Shape::pair>();
template void Faults::partition<Shape::halves>();
template void Faults::partition<Shape::bridge>();
template void Faults::partition<Shape::ring>();
template void Faults::partition<Shape::quorum_loss>();
template void Faults::partition<Shape::constrained>();
template void Faults::partition<Shape::chained>();

void Faults::cut_for_a_while(const Ways& ways) {
  for (const auto& [from, to] : ways) {
    world_.network().cut(from, to, true);
  }
  later(2 * draw_time(), [this, ways] {
    for (const auto& [from, to] : ways) {
      world_.network().cut(from, to, false);
    }
  });
}

}  // namespace strata::sim
