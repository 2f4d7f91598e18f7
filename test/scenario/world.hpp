// What the nodes of a scenario share: the trace, the clock, the network, and what must always hold.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "raft/core.hpp"

namespace strata::scenario {

class Trace {
 public:
  enum class Volume { silent, quiet, full };
  // Who leads, what is committed, what clients are told: left out only where a command is carried out silently.
  void line(std::string text);
  // Messages and the work of disks: left out where a command is carried out quietly.
  void detail(std::string text);
  void set(Volume volume) { volume_ = volume; }
  std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  Volume volume_ = Volume::full;
  std::vector<std::string> lines_;
};

// The invariants of Figure 3 that can be told from outside, over all lives of all nodes. What breaks one ends the
// scenario: no trace can make it right.
class Oracle {
 public:
  // Each returns what is wrong.
  std::optional<std::string> leads(NodeId node, Term term);
  std::optional<std::string> commits(NodeId node, const Entry& entry);
  std::optional<std::string> installs(NodeId node, LogIndex up_to, const Bytes& content) const;
  std::optional<std::string> saves(NodeId node, const raft::HardState& state);

 private:
  std::map<Term, NodeId> leaders_;
  std::map<LogIndex, Entry> committed_;
  std::map<NodeId, raft::HardState> newest_;
};

// A message with what its envelope carries (design, section 6, rule 4).
struct Packet {
  NodeId from;
  NodeId to;
  Incarnation from_life;
  Incarnation to_life;  // the newest that the sender has heard of; 0: none yet
  raft::Message message;
};

struct Link {
  NodeId from;
  NodeId to;
  auto operator<=>(const Link&) const = default;
};

struct World {
  Trace trace;
  Oracle oracle;
  TimePoint now;
  std::deque<Packet> in_flight;  // in order of sending
  std::map<std::string, std::vector<Packet>> held;
  std::set<Link> cut;
  bool lives_are_checked = true;

  // Traces it, and puts it in flight unless its way is cut.
  void send(Packet packet);
  // Throws std::logic_error with what `wrong` says, if anything.
  static void require(const std::optional<std::string>& wrong);
};

}  // namespace strata::scenario
