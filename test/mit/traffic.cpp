#include "mit/traffic.hpp"

#include <variant>

#include "base/assert.hpp"
#include "wire/call.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::mit {

namespace {

using std::chrono::milliseconds;

bool is_snapshot_chunk(const wire::PeerMessage& message) {
  const auto* content = std::get_if<raft::Message>(&message);
  return content != nullptr && std::holds_alternative<raft::InstallSnapshot>(*content);
}

}  // namespace

Traffic::Traffic(sim::Network& network, sim::Random random) : random_(random) {
  network.set_watcher([this](NodeId, NodeId, const SharedBytes& frame) { return watch(frame); });
}

Duration Traffic::watch(const SharedBytes& frame) {
  const auto decoded = wire::decode_peer_message(frame);
  STRATA_ASSERT(decoded.has_value());
  const wire::CallPart part = wire::call_part_of(decoded->message);
  snapshot_chunks_ += is_snapshot_chunk(decoded->message) ? 1u : 0u;
  bytes_ += frame.size();
  requests_ += part == wire::CallPart::request ? 1u : 0u;
  answers_ += part == wire::CallPart::answer ? 1u : 0u;
  if (!long_reordering_ || part != wire::CallPart::answer || random_.below(3) == 0) {
    return Duration::zero();
  }
  const Duration most = random_.between(milliseconds(1), milliseconds(2000));
  return milliseconds(200) + random_.between(Duration::zero(), most);
}

}  // namespace strata::mit
