// The shapes of partial and whole partitions, as sets of ways that are cut. Pure.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/ids.hpp"

namespace strata::sim {

// From, to.
using Ways = std::vector<std::pair<NodeId, NodeId>>;

// The last three are those of OmniPaxos (EuroSys 2023): some node still reaches a majority, and a protocol that elects
// by the wrong signs makes no progress.
enum class Shape {
  isolate,      // the first node from all
  mute,         // the first is not heard
  deaf,         // the first hears nobody
  pair,         // the first and the second
  halves,       // the first `part` nodes from the others
  bridge,       // these from the others, but for the last node, which reaches all
  ring,         // around it each reaches the nearest, just enough for a majority
  quorum_loss,  // all from all, but for the last node, which reaches all
  constrained,  // as that, and the first is cut off from the last too
  chained,      // each reaches its neighbours in the order given
};

// `order`: all nodes, in the order that gives them their parts. 1 <= part < order.size().
Ways ways_to_cut(Shape shape, const std::vector<NodeId>& order, std::size_t part);

}  // namespace strata::sim
