#include "actors/status.hpp"

#include <boost/json.hpp>

namespace strata::actors {

namespace json = boost::json;

namespace {

std::string_view role_of(const RaftStatus& raft) {
  if (raft.recovering) {
    return "recovering";
  }
  switch (raft.role) {
    case raft::Role::follower:
      return "follower";
    case raft::Role::pre_candidate:
    case raft::Role::candidate:
      return "candidate";
    case raft::Role::leader:
      return "leader";
  }
  assertion_failed("a role without a name");
}

std::string_view name_of(raft::Progress::State state) {
  switch (state) {
    case raft::Progress::State::probing:
      return "probing";
    case raft::Progress::State::replicating:
      return "replicating";
    case raft::Progress::State::snapshot:
      return "snapshot";
  }
  assertion_failed("a state without a name");
}

std::string_view name_of(raft::DiskState disk) {
  switch (disk) {
    case raft::DiskState::works:
      return "ok";
    case raft::DiskState::full:
      return "full";
    case raft::DiskState::stalled:
      return "stalled";
    case raft::DiskState::failed:
      return "failed";
  }
  assertion_failed("a state without a name");
}

std::string_view name_of(Admission admission) {
  switch (admission) {
    case Admission::member:
      return "member";
    case Admission::asking:
      return "asking";
    case Admission::rejoining:
      return "rejoining";
    case Admission::outdated:
      return "outdated";
  }
  assertion_failed("an admission without a name");
}

json::array ids_of(const std::vector<NodeId>& nodes) {
  json::array ids;
  for (const NodeId node : nodes) {
    ids.emplace_back(node.value);
  }
  return ids;
}

json::array members_of(const NodeFacts& node) {
  json::array members;
  for (const Member& member : node.members) {
    json::array clients;
    for (const std::string& endpoint : member.client_endpoints) {
      clients.emplace_back(endpoint);
    }
    members.push_back({{"id", member.id.value}, {"peer", member.peer_endpoint}, {"clients", std::move(clients)}});
  }
  return members;
}

json::value snapshot_of(const RaftStatus::Peer& peer) {
  if (!peer.transfer) {
    return nullptr;
  }
  return {{"last_index", peer.transfer->last_included.index.value},
          {"bytes", peer.transfer->offset},
          {"of", peer.transfer->size ? json::value(*peer.transfer->size) : json::value(nullptr)}};
}

json::array peers_of(const RaftStatus& raft) {
  json::array peers;
  for (const RaftStatus::Peer& peer : raft.peers) {
    peers.push_back({{"id", peer.id.value},
                     {"match", peer.match.value},
                     {"synced", peer.synced.value},
                     {"state", name_of(peer.state)},
                     {"disk", peer.disk_full ? "full" : "ok"},
                     {"rtt_us", peer.rtt_us},
                     {"snapshot", snapshot_of(peer)}});
  }
  return peers;
}

}  // namespace

std::string status_json(const NodeFacts& node, const RaftStatus& raft) {
  json::object status;
  status["id"] = node.self.value;
  status["version"] = node.version;
  status["generation"] = node.generation;
  status["members"] = members_of(node);
  status["role"] = role_of(raft);
  status["admission"] = name_of(raft.admission);
  status["waits_for"] = ids_of(raft.waits_for);
  status["leader"] = raft.leader.value;
  status["term"] = raft.term.value;
  status["commit"] = raft.commit.value;
  status["applied"] = node.applied.value;
  status["first"] = raft.first.value;
  status["written"] = raft.written.value;
  status["synced"] = raft.synced.value;
  status["durable"] = raft.durable.value;
  status["snapshot"] = raft.snapshot.value;
  status["keys"] = node.keys;
  status["ack"] = strata::name_of(node.ack);
  status["fsync_interval_us"] = std::chrono::duration_cast<std::chrono::microseconds>(node.fsync_interval).count();
  status["at_risk"] = {{"entries", node.at_risk.entries},
                       {"bytes", node.at_risk.bytes},
                       {"age_ms", std::chrono::duration_cast<std::chrono::milliseconds>(node.at_risk.age).count()}};
  status["disk"] = name_of(raft.disk);
  status["fsync_us"] = {
      {"count", raft.syncs.count}, {"p50", raft.syncs.p50_us}, {"p99", raft.syncs.p99_us}, {"max", raft.syncs.max_us}};
  status["peers"] = peers_of(raft);
  status["traffic"] = {
      {"requests", node.traffic.requests}, {"answers", node.traffic.answers}, {"bytes", node.traffic.bytes}};
  status["uptime_s"] = std::chrono::duration_cast<std::chrono::seconds>(node.uptime).count();
  return json::serialize(status);
}

}  // namespace strata::actors
