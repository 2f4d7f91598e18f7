#include "wire/peer_gate.hpp"

#include <fmt/format.h>

namespace strata::wire {

namespace {

// Of each member, in messages: far more than can be on their way.
constexpr std::size_t remembered_forwards = 4096;

}  // namespace

PeerGate::PeerGate(ClusterId cluster, NodeId self, Incarnation incarnation, const std::vector<NodeId>& peers)
    : cluster_(cluster), self_(self), incarnation_(incarnation) {
  for (NodeId peer : peers) {
    newest_[peer] = Incarnation(0);
  }
}

std::optional<std::string> PeerGate::refuse(const PeerEnvelope& envelope) {
  if (envelope.cluster != cluster_) {
    return fmt::format(
        "it is of cluster {:016x}, this node of {:016x}: give all the same --cluster-name and member ids",
        envelope.cluster.value, cluster_.value);
  }
  const auto peer = newest_.find(envelope.from);
  if (peer == newest_.end()) {
    return fmt::format("node {} is no other member of this cluster", envelope.from);
  }
  if (envelope.to != self_) {
    return fmt::format("it is meant for node {}, and this is node {}: compare --cluster on both", envelope.to, self_);
  }
  if (envelope.from_incarnation < peer->second) {
    return fmt::format("it is of incarnation {} of its sender, and {} has been heard", envelope.from_incarnation,
                       peer->second);
  }
  // Also of one who knows an earlier life of this node: if it were answered as an earlier life of its own, two who both
  // know too little of each other would refuse each other for ever.
  peer->second = envelope.from_incarnation;
  if (envelope.to_incarnation != Incarnation(0) && envelope.to_incarnation != incarnation_) {
    return fmt::format("it is meant for incarnation {} of this node, and this is {}", envelope.to_incarnation,
                       incarnation_);
  }
  return std::nullopt;
}

bool PeerGate::is_first(NodeId from, const ForwardSets& sets) {
  if (sets.sets.empty()) {
    return true;
  }
  SeenForwards& seen = seen_forwards_[from];
  const std::uint64_t id = sets.sets.front().id;
  if (id <= seen.forgotten || !seen.newest.insert(id).second) {
    return false;
  }
  if (seen.newest.size() > remembered_forwards) {
    seen.forgotten = *seen.newest.begin();
    seen.newest.erase(seen.newest.begin());
  }
  return true;
}

PeerEnvelope PeerGate::envelope_to(NodeId peer) const {
  return {cluster_, self_, peer, incarnation_, newest(peer)};
}

}  // namespace strata::wire
