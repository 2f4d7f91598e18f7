// The network between the members: loses, delays, damages, duplicates and overtakes, holds links back, breaks them and
// cuts them, in one direction or both. Each pair of members has lanes, each in order unless reordering is drawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
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

// How long a node finds that a connection takes nothing before it builds the connection's sockets anew, as net does.
inline constexpr Duration time_to_rebuild = std::chrono::seconds(3);

struct NetworkFaults {
  Duration least_delay = std::chrono::microseconds(50);
  Duration typical_delay = std::chrono::microseconds(100);
  // Each in thousandths of all messages:
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;  // the second within `reordered_by` or so
  std::uint64_t reordered = 0;   // may overtake and be overtaken, by up to `reordered_by`
  std::uint64_t delayed = 0;     // by something around `delayed_by`, with all that follows it on its lane
  std::uint64_t replayed = 0;    // a copy comes up to `replayed_by` later, though the connection may have ended
  std::uint64_t stale = 0;  // of the messages under way when a connection ends: still delivered, up to `stale_by` late
  std::uint64_t damaged = 0;  // one bit is flipped
  Duration reordered_by = std::chrono::milliseconds(20);
  Duration delayed_by = std::chrono::milliseconds(100);
  Duration replayed_by = std::chrono::seconds(5);
  Duration stale_by{};
  std::size_t high_water = 1000;  // messages under way on one lane; more are lost
};

// A message as it arrives.
struct Arrival {
  const SharedBytes& frame;
  bool damaged = false;
};

class Network {
 public:
  using Receiver = std::function<void(const Arrival& arrival)>;
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

  void send(NodeId from, NodeId to, std::size_t lane, Bytes frame);

  // Messages of `from` to `to` are lost.
  void cut(NodeId from, NodeId to, bool is_cut);
  bool is_cut(NodeId from, NodeId to) const { return link(from, to).is_cut; }
  // Messages of `from` to `to` arrive at `until` at the earliest, all at once.
  void clog(NodeId from, NodeId to, TimePoint until);
  // What is on its way is lost with the connection, but for stale messages; another connection is there at once.
  void break_connection(NodeId from, NodeId to);
  // The connection takes nothing any more. Its sender builds it anew when nothing that it tried to send has been taken
  // for time_to_rebuild.
  void kill_connection(NodeId from, NodeId to);
  // All ways are open. A connection that holds something back for long was broken and is there anew: that is lost.
  void heal();

 private:
  struct Link {
    bool is_cut = false;
    bool is_dead = false;
    std::optional<TimePoint> failing_since;  // while dead
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
    bool stale = false;     // survives its connection
    bool replayed = false;  // belongs to no connection at all
    bool damaged = false;
    SharedBytes frame;
  };

  Link& link(NodeId from, NodeId to) { return links_[from.value - 1u][to.value - 1u]; }
  const Link& link(NodeId from, NodeId to) const { return links_[from.value - 1u][to.value - 1u]; }
  static void renew(Link& link);
  bool takes(Link& link, std::size_t lane);
  void fail_on_dead(Link& link);
  Message make_message(NodeId from, NodeId to, std::size_t lane, const SharedBytes& frame);
  void send_copies(Link& link, const Message& message, Duration held_up);
  TimePoint draw_arrival(Link& link, std::size_t lane);
  void dispatch(Message message, TimePoint arrival);
  void arrive(Message& message);
  void deliver(const Message& message);

  Scheduler& scheduler_;
  Trace& trace_;
  Random random_;
  NetworkFaults faults_;
  Watcher watcher_;
  std::array<std::array<Link, max_nodes>, max_nodes> links_;
  std::array<Receiver, max_nodes> receivers_;
};

}  // namespace strata::sim
