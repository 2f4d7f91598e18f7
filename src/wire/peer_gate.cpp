#include "wire/peer_gate.hpp"

#include <fmt/format.h>

#include <variant>

namespace strata::wire {

namespace {

// Of each member, in messages: far more than can be on their way.
constexpr std::size_t remembered_forwards = 4096;

}  // namespace

PeerGate::PeerGate(ClusterId cluster, NodeId self, const Start& own, const std::vector<NodeId>& peers,
                   const std::vector<KnownMember>& known)
    : cluster_(cluster), self_(self), own_(own) {
  for (const NodeId peer : peers) {
    peers_[peer] = {};
  }
  for (const KnownMember& member : known) {
    if (const auto peer = peers_.find(member.node); peer != peers_.end()) {
      peer->second = {member.start.nonce, member.start.incarnation};
    }
  }
}

std::optional<std::string> PeerGate::refuse(const PeerEnvelope& envelope, bool is_introduction) {
  if (envelope.cluster != cluster_) {
    return fmt::format(
        "it is of cluster {:016x}, this node of {:016x}: give all the same --cluster-name and member ids",
        envelope.cluster.value, cluster_.value);
  }
  const auto peer = peers_.find(envelope.from);
  if (peer == peers_.end()) {
    return fmt::format("node {} is no other member of this cluster", envelope.from);
  }
  if (envelope.to != self_) {
    return fmt::format("it is meant for node {}, and this is node {}: compare --cluster on both", envelope.to, self_);
  }
  return is_introduction ? std::nullopt : refuse_life(peer->second, envelope);
}

std::optional<std::string> PeerGate::refuse_life(Peer& peer, const PeerEnvelope& envelope) const {
  if (envelope.from_nonce != peer.nonce) {
    return fmt::format("it is of a start of node {} that is not recorded, incarnation {}", envelope.from,
                       envelope.from_incarnation);
  }
  if (envelope.from_incarnation < peer.incarnation) {
    return fmt::format("it is of incarnation {} of its sender, and {} has been heard", envelope.from_incarnation,
                       peer.incarnation);
  }
  // Also of one who knows an earlier life of this node: if it were answered as an earlier life of its own, two who both
  // know too little of each other would refuse each other for ever.
  peer.incarnation = envelope.from_incarnation;
  if (envelope.to_nonce != 0 && envelope.to_nonce != own_.nonce) {
    return fmt::format("it is meant for another start of this node, incarnation {}", envelope.to_incarnation);
  }
  if (envelope.to_incarnation != Incarnation(0) && envelope.to_incarnation != own_.incarnation) {
    return fmt::format("it is meant for incarnation {} of this node, and this is {}", envelope.to_incarnation,
                       own_.incarnation);
  }
  return std::nullopt;
}

void PeerGate::sends(NodeId to, const PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message);
  const auto* answer = of_raft == nullptr ? nullptr : std::get_if<raft::Introduced>(of_raft);
  if (answer != nullptr && answer->verdict == raft::Verdict::recorded && answer->nonce != peers_.at(to).nonce) {
    peers_.at(to) = {answer->nonce, Incarnation()};
    seen_forwards_.erase(to);
  }
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
  return {cluster_, self_, peer, own_.incarnation, newest(peer), own_.nonce, peers_.at(peer).nonce};
}

bool is_introduction(const PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message);
  return of_raft != nullptr &&
         (std::holds_alternative<raft::Introduce>(*of_raft) || std::holds_alternative<raft::Introduced>(*of_raft));
}

}  // namespace strata::wire
