// Which messages of other members are taken (design, section 6, rule 4): those of this cluster, for this node, from a
// member, and of no earlier life of either side. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::wire {

class PeerGate {
 public:
  // `peers`: the other members. `incarnation`: this node's own.
  PeerGate(ClusterId cluster, NodeId self, Incarnation incarnation, const std::vector<NodeId>& peers);

  // Nothing: the message is taken, and its sender's incarnation is the newest seen. Else why it is refused, for the
  // log.
  std::optional<std::string> refuse(const PeerEnvelope& envelope);

  // The newest incarnation heard of a member; 0: none yet.
  Incarnation newest(NodeId peer) const { return newest_.at(peer); }

  // What goes in front of a message to `peer`.
  PeerEnvelope envelope_to(NodeId peer) const;

 private:
  ClusterId cluster_;
  NodeId self_;
  Incarnation incarnation_;
  std::map<NodeId, Incarnation> newest_;
};

}  // namespace strata::wire
