// The cluster that a search starts from.
#pragma once

#include "exhaustive/node_states.hpp"
#include "exhaustive/scope.hpp"

namespace strata::exhaustive {

// Led there by events, as any other state: what it took is spent, and what was sent is kept. Any start but a fresh one
// takes three nodes.
Cluster start(const Scope& scope, NodeStates& nodes);

}  // namespace strata::exhaustive
