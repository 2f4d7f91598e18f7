// Every distinct message that was ever sent, by number, and sets of them. Messages are never gone: a message that was
// sent may arrive at any later time, never, or again and again.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "raft/messages.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::exhaustive {

using PacketId = std::uint32_t;
using PacketSetId = std::uint32_t;  // 0: the empty set

struct Packet {
  wire::PeerEnvelope envelope;
  raft::Message message;
};

// Introduce or Introduced.
bool is_introduction(const raft::Message& message);

class Packets {
 public:
  explicit Packets(std::size_t nodes);

  // The message goes through its encoding, as between real nodes.
  PacketId add(const wire::PeerEnvelope& envelope, const raft::Message& message);
  const Packet& operator[](PacketId id) const { return packets_[id]; }
  std::size_t size() const { return packets_.size(); }

  // `set` and `more`.
  PacketSetId unite(PacketSetId set, const std::vector<PacketId>& more);
  // Of the set, those for this node, in order of their numbers.
  const std::vector<PacketId>& to(PacketSetId set, NodeId node) const { return sets_[set][node.value - 1U]; }

 private:
  using Set = std::vector<std::vector<PacketId>>;  // by receiver
  Set united(PacketSetId set, const std::vector<PacketId>& more) const;

  std::vector<Packet> packets_;
  std::unordered_map<Bytes, PacketId> ids_;
  std::vector<Set> sets_;
  std::unordered_map<Bytes, PacketSetId> set_ids_;
};

}  // namespace strata::exhaustive
