#include "mit/traffic.hpp"

#include "base/assert.hpp"
#include "wire/call.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::mit {

namespace {

using std::chrono::milliseconds;

wire::CallPart part_of(const SharedBytes& frame) {
  const auto decoded = wire::decode_peer_message(frame);
  STRATA_ASSERT(decoded.has_value());
  return wire::call_part_of(decoded->message);
}

}  // namespace

Traffic::Traffic(sim::Network& network, sim::Random random) : random_(random) {
  network.set_watcher([this](NodeId, NodeId, const SharedBytes& frame) { return watch(frame); });
}

Duration Traffic::watch(const SharedBytes& frame) {
  const wire::CallPart part = part_of(frame);
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
