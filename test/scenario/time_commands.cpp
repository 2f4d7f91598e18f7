// Commands that move the clock, which all nodes share.
#include <fmt/format.h>

#include <algorithm>

#include "scenario/interpreter.hpp"

namespace strata::scenario {

using namespace raft;

void Interpreter::wake_at_its_time(Node& node) {
  world_.now = std::max(world_.now, node.wake_at());
  node.step(TimePassed{});
}

// The node's election timer runs out; to all others no event says that it is late.
void Interpreter::campaign(Words& words) {
  Node& chosen = running_node(words);
  if (chosen.core().role() == Role::leader) {
    words.fail(fmt::format("node {} leads", chosen.id()));
  }
  wake_at_its_time(chosen);
}

// The node campaigns, and all messages are delivered until everyone knows what it has committed.
void Interpreter::elect(Words& words) {
  Node& chosen = running_node(words);
  if (chosen.core().role() != Role::leader) {
    wake_at_its_time(chosen);
    deliver_until_quiet();
  }
  if (chosen.core().role() != Role::leader) {
    words.fail(fmt::format("node {} was not elected", chosen.id()));
  }
  wake_at_its_time(chosen);
  deliver_until_quiet();
}

// The leader's heartbeat timer runs out.
void Interpreter::beat(Words& words) {
  Node& chosen = running_node(words);
  if (chosen.core().role() != Role::leader) {
    words.fail(fmt::format("node {} does not lead", chosen.id()));
  }
  wake_at_its_time(chosen);
}

// The first of the node's timers runs out, whichever it is.
void Interpreter::wake(Words& words) {
  wake_at_its_time(running_node(words));
}

void Interpreter::time(Words& words) {
  const Duration duration = words.next_duration();
  pass(duration, nodes_or_all(words), false);
}

void Interpreter::run(Words& words) {
  const Duration duration = words.next_duration();
  deliver_until_quiet();
  pass(duration, nodes_or_all(words), true);
}

// Every timer of these nodes that runs out meanwhile does, the earliest first.
void Interpreter::pass(Duration duration, const std::vector<NodeId>& nodes, bool deliver_all) {
  const TimePoint end = world_.now + duration;
  for (;;) {
    Node* first = nullptr;
    for (const NodeId id : nodes) {
      Node& candidate = nodes_.at(id);
      if (candidate.up() && candidate.wake_at() <= end && (!first || candidate.wake_at() < first->wake_at())) {
        first = &candidate;
      }
    }
    if (!first) {
      break;
    }
    wake_at_its_time(*first);
    if (deliver_all) {
      deliver_until_quiet();
    }
  }
  world_.now = std::max(world_.now, end);
}

}  // namespace strata::scenario
