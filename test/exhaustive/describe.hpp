// Events and nodes in words, for the path that is printed.
#pragma once

#include <cstddef>
#include <string>

#include "exhaustive/node_states.hpp"

namespace strata::exhaustive {

std::string describe(const NodeStates& nodes, std::size_t node, Event event);
// ": follower of 2 in term 1 …"
std::string describe(const Machine& machine);

}  // namespace strata::exhaustive
