// The JSON object of STATUS (docs/protocol.md, "STATUS fields").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/at_risk.hpp"
#include "actors/messages.hpp"
#include "actors/ports.hpp"
#include "base/durability.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace strata::actors {

struct Member {
  NodeId id;
  std::string peer_endpoint;
  std::vector<std::string> client_endpoints;  // empty: not heard of yet
};

// What the front end knows of its node, beside what Raft tells.
struct NodeFacts {
  NodeId self;
  std::string version;
  std::vector<Member> members;
  Durability ack = Durability::synced;
  Duration fsync_interval{};
  Duration uptime{};
  LogIndex applied;
  std::size_t keys = 0;
  std::uint64_t generation = 1;
  AtRisk::Amount at_risk;
  PeerTraffic traffic;
};

std::string status_json(const NodeFacts& node, const RaftStatus& raft);

}  // namespace strata::actors
