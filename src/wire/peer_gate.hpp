// Which messages of other members are taken (design, section 6, rule 4): those of this cluster, for this node, from a
// member, and of no earlier life of either side; and forwarded SETs once only. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  // log. One that is meant for an earlier life of this node is refused, and still tells its sender's incarnation.
  std::optional<std::string> refuse(const PeerEnvelope& envelope);

  // Whether forwarded SETs of a message that was taken are to be handled: false when they were before, or so long ago
  // that this is not known any more. A network may deliver a message twice; appended twice, a SET would undo what came
  // between. Nothing is answered to the second: the first has been, or will be.
  bool is_first(NodeId from, const ForwardSets& sets);

  // The newest incarnation heard of a member; 0: none yet.
  Incarnation newest(NodeId peer) const { return newest_.at(peer); }

  // What goes in front of a message to `peer`.
  PeerEnvelope envelope_to(NodeId peer) const;

 private:
  // An id is in one message only, and ids rise from message to message, from life to life: the first names the message.
  struct SeenForwards {
    std::set<std::uint64_t> newest;
    std::uint64_t forgotten = 0;  // all up to this one
  };

  ClusterId cluster_;
  NodeId self_;
  Incarnation incarnation_;
  std::map<NodeId, Incarnation> newest_;
  std::map<NodeId, SeenForwards> seen_forwards_;
};

}  // namespace strata::wire
