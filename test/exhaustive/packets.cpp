#include "exhaustive/packets.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "exhaustive/core_encoding.hpp"

namespace strata::exhaustive {

bool is_introduction(const raft::Message& message) {
  return std::holds_alternative<raft::Introduce>(message) || std::holds_alternative<raft::Introduced>(message);
}

Packets::Packets(std::size_t nodes) : sets_(1, Set(nodes)) {}

PacketId Packets::add(const wire::PeerEnvelope& envelope, const raft::Message& message) {
  Bytes frame = wire::encode_peer_message(envelope, message);
  const auto [known, fresh] = ids_.emplace(frame, static_cast<PacketId>(packets_.size()));
  if (fresh) {
    auto decoded = wire::decode_peer_message(SharedBytes(std::move(frame)));
    STRATA_ASSERT(decoded.has_value());
    packets_.push_back({decoded->envelope, std::get<raft::Message>(std::move(decoded->message))});
  }
  return known->second;
}

Packets::Set Packets::united(PacketSetId set, const std::vector<PacketId>& more) const {
  Set result = sets_[set];
  for (const PacketId id : more) {
    auto& to = result[packets_[id].envelope.to.value - 1U];
    const auto place = std::ranges::lower_bound(to, id);
    if (place == to.end() || *place != id) {
      to.insert(place, id);
    }
  }
  return result;
}

PacketSetId Packets::unite(PacketSetId set, const std::vector<PacketId>& more) {
  if (more.empty()) {
    return set;
  }
  Set result = united(set, more);
  if (result == sets_[set]) {
    return set;
  }
  Bytes name;
  Encoder out(name);
  for (const auto& to : result) {
    out.number(to.size());
    for (const PacketId id : to) {
      out.number(id);
    }
  }
  const auto [known, fresh] = set_ids_.emplace(std::move(name), static_cast<PacketSetId>(sets_.size()));
  if (fresh) {
    sets_.push_back(std::move(result));
  }
  return known->second;
}

}  // namespace strata::exhaustive
