#include "exhaustive/node_states.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace strata::exhaustive {
namespace {

std::uint64_t pair_of(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

constexpr std::uint32_t notable_bit = std::uint32_t{1} << 31;

}  // namespace

NodeStates::NodeStates(const Scope& scope) : scope_(scope), packets_(scope.nodes), batches_(1), violations_(1) {
  list_renamings();
  for (std::size_t node = 1; node <= scope.nodes; ++node) {
    const MachineId machine = add(Machine(scope, NodeId(static_cast<NodeId::number_type>(node))));
    initial_.push_back(add(machine, 0, static_cast<StateId>(states_.size()), Event()));
  }
}

void NodeStates::list_renamings() {
  Renaming renaming{};
  const auto end = renaming.begin() + static_cast<std::ptrdiff_t>(scope_.nodes);
  std::iota(renaming.begin(), end, std::uint8_t{0});
  do {
    renamings_.push_back(renaming);
  } while (std::next_permutation(renaming.begin(), end));
}

MachineId NodeStates::add(Machine machine) {
  Bytes name;
  Encoder out(name);
  machine.encode(out);
  const auto [known, fresh] = machine_ids_.emplace(std::move(name), static_cast<MachineId>(machines_.size()));
  if (fresh) {
    own_events_.push_back(machine.own_events(scope_));
    machines_.push_back(std::move(machine));
  }
  return known->second;
}

StateId NodeStates::add(MachineId machine, PacketSetId sent, StateId from, Event by) {
  const std::uint64_t name = pair_of(machine, sent);
  StateId state = state_ids_.find(name);
  if (state == FlatMap::none) {
    state = static_cast<StateId>(states_.size());
    state_ids_.add(name, state);
    states_.push_back({machine, sent, from, by});
    renamed_.resize(renamed_.size() + renamings_.size(), FlatMap::none);
    renamed_[state * renamings_.size()] = state;
  }
  return state;
}

// The one place where the core runs.
std::uint32_t NodeStates::run(MachineId id, Event event) {
  Machine machine = machines_[id];
  Outcome outcome = machine.apply(event, packets_);
  Step step;
  step.counted = outcome.counted;
  if (!outcome.violation.empty()) {
    step.violation = static_cast<std::uint32_t>(violations_.size());
    violations_.push_back(std::move(outcome.violation));
  }
  if (!outcome.sent.empty()) {
    step.batch = static_cast<std::uint32_t>(batches_.size());
    batches_.push_back(std::move(outcome.sent));
  }
  step.machine = add(std::move(machine));
  steps_.push_back(step);
  return static_cast<std::uint32_t>(steps_.size() - 1);
}

const NodeStates::Step& NodeStates::step(StateId state, Event event) {
  const MachineId machine = states_[state].machine;
  const std::uint64_t name = pair_of(machine, event.packed());
  std::uint32_t step = step_ids_.find(name);
  if (step == FlatMap::none) {
    step = run(machine, event);
    step_ids_.add(name, step);
  }
  return steps_[step];
}

NodeStates::Next NodeStates::after(StateId state, Event event) {
  const std::uint64_t name = pair_of(state, event.packed());
  std::uint32_t next = after_.find(name);
  if (next == FlatMap::none) {
    const Step found = step(state, event);
    const PacketSetId sent = packets_.unite(states_[state].sent, batches_[found.batch]);
    next = add(found.machine, sent, state, event);
    if (found.violation != 0 || found.counted != LogIndex(0)) {
      next |= notable_bit;
    }
    after_.add(name, next);
  }
  return {next & ~notable_bit, (next & notable_bit) != 0};
}

Event NodeStates::renamed(Event event, const Renaming& renaming) {
  if (event.what() != Happening::message) {
    return event;
  }
  const auto to = [&renaming](NodeId node) {
    return NodeId(static_cast<NodeId::number_type>(renaming[node.value - 1U] + 1));
  };
  const Packet packet = packets_[event.number()];
  wire::PeerEnvelope envelope = packet.envelope;
  envelope.from = to(envelope.from);
  envelope.to = to(envelope.to);
  return {Happening::message, packets_.add(envelope, packet.message), event.stalled()};
}

StateId NodeStates::renamed(StateId state, std::size_t renaming) {
  const std::size_t place = state * renamings_.size() + renaming;
  if (renamed_[place] == FlatMap::none) {
    const State found = states_[state];
    StateId result = 0;
    if (found.from == state) {
      result = initial_[renamings_[renaming][state]];
    } else {
      const StateId from = renamed(found.from, renaming);
      result = after(from, renamed(found.by, renamings_[renaming])).state;
    }
    renamed_[place] = result;
  }
  return renamed_[place];
}

}  // namespace strata::exhaustive
