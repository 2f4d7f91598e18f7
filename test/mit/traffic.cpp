#include "mit/traffic.hpp"

#include <type_traits>
#include <variant>

#include "base/assert.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::mit {

namespace {

using std::chrono::milliseconds;

enum class Kind { request, answer, other };

template <class Message>
constexpr bool is_answer =
    std::is_same_v<Message, raft::RequestVoteResponse> || std::is_same_v<Message, raft::AppendEntriesResponse> ||
    std::is_same_v<Message, raft::ReadIndexResponse> || std::is_same_v<Message, raft::InstallSnapshotResponse> ||
    std::is_same_v<Message, raft::PreVoteResponse>;

Kind kind_of(const SharedBytes& frame) {
  const auto decoded = wire::decode_peer_message(frame);
  STRATA_ASSERT(decoded.has_value());
  if (const auto* message = std::get_if<raft::Message>(&decoded->message)) {
    const auto kind = [](const auto& content) {
      return is_answer<std::decay_t<decltype(content)>> ? Kind::answer : Kind::request;
    };
    return std::visit(kind, *message);
  }
  if (std::holds_alternative<wire::ForwardSets>(decoded->message)) {
    return Kind::request;
  }
  return std::holds_alternative<wire::ForwardReplies>(decoded->message) ? Kind::answer : Kind::other;
}

}  // namespace

Traffic::Traffic(sim::Network& network, sim::Random random) : random_(random) {
  network.set_watcher([this](NodeId, NodeId, const SharedBytes& frame) { return watch(frame); });
}

Duration Traffic::watch(const SharedBytes& frame) {
  const Kind kind = kind_of(frame);
  bytes_ += frame.size();
  requests_ += kind == Kind::request ? 1 : 0;
  answers_ += kind == Kind::answer ? 1 : 0;
  if (!long_reordering_ || kind != Kind::answer || random_.below(3) == 0) {
    return Duration::zero();
  }
  const Duration most = random_.between(milliseconds(1), milliseconds(2000));
  return milliseconds(200) + random_.between(Duration::zero(), most);
}

}  // namespace strata::mit
