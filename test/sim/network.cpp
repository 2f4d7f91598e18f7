#include "sim/network.hpp"

#include <algorithm>
#include <utility>

#include "base/checksum.hpp"

namespace strata::sim {

Network::Network(Scheduler& scheduler, Trace& trace, Random random)
    : scheduler_(scheduler), trace_(trace), random_(random) {}

void Network::connect(NodeId node, Receiver receiver) {
  receivers_[node.value - 1u] = std::move(receiver);
}

void Network::disconnect(NodeId node) {
  receivers_[node.value - 1u] = nullptr;
  for (std::uint16_t other = 1; other <= max_nodes; ++other) {
    break_connection(link(node, NodeId(other)));
    break_connection(link(NodeId(other), node));
  }
}

void Network::break_connection(Link& link) {
  ++link.connection;
  link.last_arrival = {};
  link.under_way = {};
}

void Network::send(NodeId from, NodeId to, std::size_t lane, Bytes frame, bool duplicable) {
  trace_.event(from, "sends to node {} on lane {}: {} bytes, checksum {:08x}", to, lane, frame.size(), crc32c(frame));
  const SharedBytes shared(std::move(frame));
  const Duration held_up = watcher_ ? watcher_(from, to, shared) : Duration::zero();
  Link& way = link(from, to);
  const bool lost = random_.chance(faults_.lost);
  if (way.is_cut || lost || !receivers_[to.value - 1u] || way.under_way[lane] >= faults_.high_water) {
    trace_.event(from, "which is lost");
    return;
  }
  Message message{from, to, lane, way.connection, random_.chance(faults_.stale), shared};
  if (duplicable && random_.chance(faults_.duplicated)) {
    // One draw a statement: compilers differ in which operand they take first.
    const TimePoint arrival = draw_arrival(way, lane);
    dispatch(message, arrival + held_up + random_.skewed(faults_.reordered_by));
  }
  const TimePoint arrival = draw_arrival(way, lane);
  dispatch(std::move(message), arrival + held_up);
}

TimePoint Network::draw_arrival(Link& way, std::size_t lane) {
  const TimePoint begin = std::max(scheduler_.now(), way.clogged_until);
  const TimePoint arrival = begin + faults_.least_delay + random_.skewed(faults_.typical_delay);
  if (random_.chance(faults_.reordered)) {
    return arrival + random_.between(Duration::zero(), faults_.reordered_by);
  }
  TimePoint& last = way.last_arrival[lane];
  last = std::max(last, arrival);
  return last;
}

void Network::dispatch(Message message, TimePoint arrival) {
  ++link(message.from, message.to).under_way[message.lane];
  scheduler_.at(arrival, [this, message = std::make_unique<Message>(std::move(message))] { arrive(*message); });
}

void Network::arrive(const Message& message) {
  Link& way = link(message.from, message.to);
  const bool connected = message.connection == way.connection;
  if (connected) {
    --way.under_way[message.lane];
  }
  const Receiver& receiver = receivers_[message.to.value - 1u];
  if (!receiver || !(connected || message.stale)) {
    trace_.event(message.to, "loses a message of node {} with the connection", message.from);
    return;
  }
  trace_.event(message.to, "receives from node {} on lane {}: {} bytes", message.from, message.lane,
               message.frame.size());
  receiver(message.frame);
}

void Network::cut(NodeId from, NodeId to, bool is_cut) {
  trace_.event(NodeId(), "the way from node {} to node {} is cut: {}", from, to, is_cut);
  link(from, to).is_cut = is_cut;
}

void Network::clog(NodeId from, NodeId to, TimePoint until) {
  const auto left = (until - scheduler_.now()).count();
  trace_.event(NodeId(), "the way from node {} to node {} is clogged for {} ns", from, to, left);
  link(from, to).clogged_until = until;
}

void Network::heal() {
  trace_.event(NodeId(), "all ways are open");
  for (auto& row : links_) {
    for (Link& way : row) {
      way.is_cut = false;
      if (std::exchange(way.clogged_until, TimePoint()) > scheduler_.now()) {
        break_connection(way);
      }
    }
  }
}

}  // namespace strata::sim
