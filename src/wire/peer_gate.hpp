// Which messages of other members are taken (design, section 6, rules 4 and 6): those of this cluster, for this node,
// from a member, of the start of it that is recorded, and of no earlier life of either side; and forwarded SETs once
// only. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/membership.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::wire {

class PeerGate {
 public:
  // `peers`: the other members. `own`: this start; without a nonce, nobody has one. `known`: what was recorded of the
  // others before it.
  PeerGate(ClusterId cluster, NodeId self, const Start& own, const std::vector<NodeId>& peers,
           const std::vector<KnownMember>& known = {});

  // Nothing: the message is taken, and its sender's incarnation is the newest seen. Else why it is refused, for the
  // log. One that is meant for an earlier life of this node is refused, and still tells its sender's incarnation. An
  // introduction (or its answer) is taken whatever life sent it, and tells nothing here: it is Raft's to judge.
  std::optional<std::string> refuse(const PeerEnvelope& envelope, bool is_introduction = false);

  // Called with every message before it is sent: one that tells `to` that its start is recorded makes this the one
  // whose messages are taken.
  void sends(NodeId to, const PeerMessage& message);

  // Whether forwarded SETs of a message that was taken are to be handled: false when they were before, or so long ago
  // that this is not known any more. A network may deliver a message twice; appended twice, a SET would undo what came
  // between. Nothing is answered to the second: the first has been, or will be.
  bool is_first(NodeId from, const ForwardSets& sets);

  // The newest incarnation heard of a member; 0: none yet.
  Incarnation newest(NodeId peer) const { return peers_.at(peer).incarnation; }

  // What goes in front of a message to `peer`.
  PeerEnvelope envelope_to(NodeId peer) const;

 private:
  // An id is in one message only, and ids rise from message to message, from life to life: the first names the message.
  struct SeenForwards {
    std::set<std::uint64_t> newest;
    std::uint64_t forgotten = 0;  // all up to this one
  };

  struct Peer {
    std::uint64_t nonce = 0;  // of the start that is recorded
    Incarnation incarnation;  // of that, once it was heard; without nonces, the newest
  };

  std::optional<std::string> refuse_life(Peer& peer, const PeerEnvelope& envelope) const;

  ClusterId cluster_;
  NodeId self_;
  Start own_;
  std::map<NodeId, Peer> peers_;
  std::map<NodeId, SeenForwards> seen_forwards_;
};

// Introduce or Introduced.
bool is_introduction(const PeerMessage& message);

}  // namespace strata::wire
