#include "sim/network.hpp"

#include <algorithm>
#include <utility>

#include "base/checksum.hpp"

namespace strata::sim {

namespace {

// What is on its way for longer in a network that is well is not on its way any more.
constexpr Duration longest_way = std::chrono::milliseconds(100);

}  // namespace

Network::Network(Scheduler& scheduler, Trace& trace, Random random)
    : scheduler_(scheduler), trace_(trace), random_(random) {}

void Network::connect(NodeId node, Receiver receiver) {
  receivers_[node.value - 1u] = std::move(receiver);
}

void Network::disconnect(NodeId node) {
  receivers_[node.value - 1u] = nullptr;
  for (std::uint16_t other = 1; other <= max_nodes; ++other) {
    renew(link(node, NodeId(other)));
    renew(link(NodeId(other), node));
  }
}

void Network::renew(Link& link) {
  ++link.connection;
  link.is_dead = false;
  link.failing_since.reset();
  link.last_arrival = {};
  link.under_way = {};
}

void Network::send(NodeId from, NodeId to, std::size_t lane, Bytes frame) {
  trace_.event(from, "sends to node {} on lane {}: {} bytes, checksum {:08x}", to, lane, frame.size(), crc32c(frame));
  const SharedBytes shared(std::move(frame));
  const Duration held_up = watcher_ ? watcher_(from, to, shared) : Duration::zero();
  Link& way = link(from, to);
  const bool lost = random_.chance(faults_.lost);
  if (lost || !receivers_[to.value - 1u] || !takes(way, lane)) {
    trace_.event(from, "which is lost");
    return;
  }
  Message message = make_message(from, to, lane, shared);
  send_copies(way, message, held_up);
  const TimePoint arrival = draw_arrival(way, lane);
  dispatch(std::move(message), arrival + held_up);
}

bool Network::takes(Link& link, std::size_t lane) {
  if (link.is_dead) {
    fail_on_dead(link);
    return false;
  }
  return !link.is_cut && link.under_way[lane] < faults_.high_water;
}

void Network::fail_on_dead(Link& link) {
  const TimePoint now = scheduler_.now();
  if (!link.failing_since) {
    link.failing_since = now;
  } else if (now - *link.failing_since >= time_to_rebuild) {
    renew(link);
  }
}

Network::Message Network::make_message(NodeId from, NodeId to, std::size_t lane, const SharedBytes& frame) {
  Message message{from, to, lane, link(from, to).connection, false, false, false, frame};
  message.stale = random_.chance(faults_.stale);
  message.damaged = random_.chance(faults_.damaged);
  if (message.damaged) {
    const std::size_t at = random_.below(frame.size());
    Bytes other(frame.view());
    other[at] = static_cast<char>(other[at] ^ (1 << random_.below(8)));
    message.frame = SharedBytes(std::move(other));
  }
  return message;
}

// One draw a statement: compilers differ in which operand they take first.
void Network::send_copies(Link& link, const Message& message, Duration held_up) {
  if (random_.chance(faults_.duplicated)) {
    const TimePoint arrival = draw_arrival(link, message.lane);
    dispatch(message, arrival + held_up + random_.skewed(faults_.reordered_by));
  }
  if (random_.chance(faults_.replayed)) {
    Message copy = message;
    copy.replayed = true;
    const TimePoint arrival = scheduler_.now() + held_up + random_.between(Duration::zero(), faults_.replayed_by);
    dispatch(std::move(copy), arrival);
  }
}

TimePoint Network::draw_arrival(Link& way, std::size_t lane) {
  const TimePoint begin = std::max(scheduler_.now(), way.clogged_until);
  TimePoint arrival = begin + faults_.least_delay + random_.skewed(faults_.typical_delay);
  if (random_.chance(faults_.reordered)) {
    return arrival + random_.between(Duration::zero(), faults_.reordered_by);
  }
  if (random_.chance(faults_.delayed)) {
    arrival += random_.skewed(faults_.delayed_by);
  }
  TimePoint& last = way.last_arrival[lane];
  last = std::max(last, arrival);
  return last;
}

void Network::dispatch(Message message, TimePoint arrival) {
  if (!message.replayed) {
    ++link(message.from, message.to).under_way[message.lane];
  }
  scheduler_.at(arrival, [this, message = std::make_unique<Message>(std::move(message))] { arrive(*message); });
}

void Network::arrive(Message& message) {
  Link& way = link(message.from, message.to);
  if (message.replayed) {
    if (!way.is_cut) {
      deliver(message);
    }
    return;
  }
  if (message.connection == way.connection) {
    --way.under_way[message.lane];
    deliver(message);
  } else if (message.stale) {
    message.replayed = true;
    const TimePoint late = scheduler_.now() + random_.between(Duration::zero(), faults_.stale_by);
    dispatch(std::move(message), late);
  } else {
    trace_.event(message.to, "loses a message of node {} with the connection", message.from);
  }
}

void Network::deliver(const Message& message) {
  const Receiver& receiver = receivers_[message.to.value - 1u];
  if (!receiver) {
    trace_.event(message.to, "is not there for a message of node {}", message.from);
    return;
  }
  trace_.event(message.to, "receives from node {} on lane {}: {} bytes", message.from, message.lane,
               message.frame.size());
  receiver({message.frame, message.damaged});
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

void Network::break_connection(NodeId from, NodeId to) {
  trace_.event(NodeId(), "the connection from node {} to node {} breaks", from, to);
  renew(link(from, to));
}

void Network::kill_connection(NodeId from, NodeId to) {
  trace_.event(NodeId(), "the connection from node {} to node {} is dead", from, to);
  renew(link(from, to));
  link(from, to).is_dead = true;
}

void Network::heal() {
  trace_.event(NodeId(), "all ways are open");
  for (auto& row : links_) {
    for (Link& way : row) {
      way.is_cut = false;
      way.clogged_until = {};
      const TimePoint last = *std::ranges::max_element(way.last_arrival);
      if (way.is_dead || last > scheduler_.now() + longest_way) {
        renew(way);
      }
    }
  }
}

}  // namespace strata::sim
