// The cluster id of a node, derived from its flags.
#pragma once

#include <string_view>
#include <vector>

#include "base/ids.hpp"

namespace strata::node {

// What tells clusters apart in every message and file: a hash (64-bit FNV-1a) of the cluster's name and its members'
// ids, sorted. Endpoints do not count: they may change.
ClusterId cluster_id_of(std::string_view name, const std::vector<NodeId>& members);

}  // namespace strata::node
