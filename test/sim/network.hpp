// The network between the members: loses, delays, duplicates and overtakes, holds links back and cuts them, in one
// direction or both. Each pair of members has lanes, each in order unless reordering is drawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace strata::sim {

inline constexpr std::size_t max_nodes = 7;  // numbered from 1
inline constexpr std::size_t lanes = 3;      // control, entries and snapshots, as in net

struct NetworkFaults {
  Duration least_delay = std::chrono::microseconds(50);
  Duration typical_delay = std::chrono::microseconds(100);
  std::uint64_t lost = 0;  // each in thousandths of all messages
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;  // may overtake and be overtaken, by up to `reordered_by`
  Duration reordered_by = std::chrono::milliseconds(20);
  std::uint64_t stale = 0;        // of the messages on their way from a node that dies or to it: still delivered, late
  std::size_t high_water = 1000;  // messages under way on one lane; more are lost
};

class Network {
 public:
  using Receiver = std::function<void(const SharedBytes& frame)>;
  // Sees every message that is sent, lost or not, and says by how much it is held up. What is held up may be overtaken.
  using Watcher = std::function<Duration(NodeId from, NodeId to, const SharedBytes& frame)>;

  Network(Scheduler& scheduler, Trace& trace, Random random);

  void set_faults(const NetworkFaults& faults) { faults_ = faults; }
  const NetworkFaults& faults() const { return faults_; }
  void set_watcher(Watcher watcher) { watcher_ = std::move(watcher); }

  // A node without a receiver is down.
  void connect(NodeId node, Receiver receiver);
  // What is on its way from it and to it is lost with its connections, but for stale messages.
  void disconnect(NodeId node);

  // `duplicable`: whether the network may deliver it twice.
  void send(NodeId from, NodeId to, std::size_t lane, Bytes frame, bool duplicable);

  // Messages of `from` to `to` are lost.
  void cut(NodeId from, NodeId to, bool is_cut);
  bool is_cut(NodeId from, NodeId to) const { return link(from, to).is_cut; }
  // Messages of `from` to `to` arrive at `until` at the earliest, all at once.
  void clog(NodeId from, NodeId to, TimePoint until);
  // All ways are open. A clogged one was broken and is there anew: what it held back is lost.
  void heal();

 private:
  struct Link {
    bool is_cut = false;
    TimePoint clogged_until;
    std::uint64_t connection = 0;
    std::array<TimePoint, lanes> last_arrival{};
    std::array<std::size_t, lanes> under_way{};
  };
  struct Message {
    NodeId from;
    NodeId to;
    std::size_t lane = 0;
    std::uint64_t connection = 0;
    bool stale = false;
    SharedBytes frame;
  };

  Link& link(NodeId from, NodeId to) { return links_[from.value - 1u][to.value - 1u]; }
  const Link& link(NodeId from, NodeId to) const { return links_[from.value - 1u][to.value - 1u]; }
  static void break_connection(Link& link);
  TimePoint draw_arrival(Link& link, std::size_t lane);
  void dispatch(Message message, TimePoint arrival);
  void arrive(const Message& message);

  Scheduler& scheduler_;
  Trace& trace_;
  Random random_;
  NetworkFaults faults_;
  Watcher watcher_;
  std::array<std::array<Link, max_nodes>, max_nodes> links_;
  std::array<Receiver, max_nodes> receivers_;
};

}  // namespace strata::sim
