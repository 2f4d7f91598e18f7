// Every state that a node was ever found in, by number, and what each event makes of it. The core runs once for each
// state of a node and event; everything else is looking up. The state of the whole cluster is then one number a node.
//
// A node's state here is its machine and the set of all messages that it ever sent, so nothing else has to be kept of
// the network.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "exhaustive/event.hpp"
#include "exhaustive/flat_map.hpp"
#include "exhaustive/machine.hpp"
#include "exhaustive/packets.hpp"
#include "exhaustive/scope.hpp"

namespace strata::exhaustive {

using MachineId = std::uint32_t;
using StateId = std::uint32_t;                   // of a node
using Cluster = std::array<StateId, max_nodes>;  // the unused ones 0

// The members' numbers in another order: node n becomes to[n - 1] + 1.
using Renaming = std::array<std::uint8_t, max_nodes>;

class NodeStates {
 public:
  // What an event made of a node.
  struct Step {
    MachineId machine = 0;
    std::uint32_t batch = 0;      // the messages that were sent
    LogIndex counted;             // Outcome::counted
    std::uint32_t violation = 0;  // number of its text; 0: none
  };

  explicit NodeStates(const Scope& scope);

  struct Next {
    StateId state = 0;
    bool notable = false;  // the step counted something as committed, or broke a rule
  };

  StateId initial(std::size_t node) const { return initial_[node]; }
  Next after(StateId state, Event event);
  const Step& step(StateId state, Event event);

  const Machine& machine(StateId state) const { return machines_[states_[state].machine]; }
  const std::vector<Event>& own_events(StateId state) const { return own_events_[states_[state].machine]; }
  // What this node has ever sent to another.
  const std::vector<PacketId>& sent(StateId state, NodeId to) const { return packets_.to(states_[state].sent, to); }
  const std::string& text(std::uint32_t violation) const { return violations_[violation]; }
  const Packet& packet(PacketId id) const { return packets_[id]; }

  const std::vector<Renaming>& renamings() const { return renamings_; }
  // The state that the renamed node is in when everything that happened happened to the renamed nodes. The core treats
  // all members alike, so it is the same state under other names.
  StateId renamed(StateId state, std::size_t renaming);
  Event renamed(Event event, const Renaming& renaming);

  std::size_t size() const { return states_.size(); }
  std::size_t machines() const { return machines_.size(); }
  std::size_t packets() const { return packets_.size(); }

 private:
  // A state is known by where it was found first.
  struct State {
    MachineId machine = 0;
    PacketSetId sent = 0;
    StateId from = 0;
    Event by;
  };

  StateId add(MachineId machine, PacketSetId sent, StateId from, Event by);
  MachineId add(Machine machine);
  std::uint32_t run(MachineId machine, Event event);
  void list_renamings();

  Scope scope_;
  Packets packets_;
  std::deque<Machine> machines_;
  std::vector<std::vector<Event>> own_events_;  // of each machine
  std::unordered_map<Bytes, MachineId> machine_ids_;
  std::vector<Step> steps_;
  FlatMap step_ids_;  // machine and event
  std::vector<std::vector<PacketId>> batches_;
  std::vector<std::string> violations_;

  std::vector<State> states_;
  FlatMap state_ids_;  // machine and set
  FlatMap after_;      // state and event; the uppermost bit: notable
  std::vector<StateId> initial_;

  std::vector<Renaming> renamings_;  // the first changes nothing
  std::vector<StateId> renamed_;     // for each state, by renaming; FlatMap::none: not known yet
};

}  // namespace strata::exhaustive
