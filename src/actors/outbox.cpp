#include "actors/outbox.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"

namespace strata::actors {

namespace {
constexpr std::string_view perhaps_text = "the leader that had the write was lost, and no other settled it in time";
}

bool Outbox::admit(std::size_t bytes) {
  const bool full = pending_ + backlog_ + bytes > max_pending_ || rarely(RareWay::admission_is_closed);
  if (pending_ > 0 && full) {
    sometimes(Mark::admission_refused);
    return false;
  }
  pending_ += bytes;
  return true;
}

void Outbox::reply(const Admitted& request, wire::ReplyBody body) {
  STRATA_ASSERT(pending_ >= request.bytes);
  pending_ -= request.bytes;
  answer(request.from, std::move(body));
}

void Outbox::error(const Admitted& request, wire::ErrorCode code, std::string_view text) {
  reply(request, wire::ErrorReply{code, std::string(text), std::nullopt});
}

void Outbox::not_appended(const Admitted& request, wire::ErrorCode code, std::string_view text) {
  const auto* peer = std::get_if<PeerOrigin>(&request.from);
  if (request.perhaps_appended) {
    error(request, wire::ErrorCode::unknown, perhaps_text);
    return;
  }
  if (peer == nullptr || code != wire::ErrorCode::unavailable) {
    error(request, code, text);
    return;
  }
  STRATA_ASSERT(pending_ >= request.bytes);
  pending_ -= request.bytes;
  answers_[peer->node].replies.push_back({peer->id, wire::NotAppended()});
}

void Outbox::refuse(const Origin& from, wire::ErrorCode code, std::string_view text) {
  answer(from, wire::ErrorReply{code, std::string(text), std::nullopt});
}

void Outbox::answer(const Origin& from, wire::ReplyBody body) {
  if (const auto* client = std::get_if<wire::ClientAddress>(&from)) {
    replies_.push_back({*client, std::move(body)});
    return;
  }
  const auto& peer = std::get<PeerOrigin>(from);
  wire::ForwardedReply reply{peer.id, {}};
  if (auto* set = std::get_if<wire::SetReply>(&body)) {
    reply.result = *set;
  } else {
    reply.result = std::move(std::get<wire::ErrorReply>(body));
  }
  answers_[peer.node].replies.push_back(std::move(reply));
}

void Outbox::forward(NodeId leader, wire::ForwardedSet set) {
  forwards_[leader].sets.push_back(std::move(set));
}

void Outbox::flush() {
  if (!replies_.empty()) {
    clients_.send(std::exchange(replies_, {}));
  }
  if (answers_.empty() && forwards_.empty()) {
    return;
  }
  std::vector<PeerSend> sends;
  sends.reserve(answers_.size() + forwards_.size());
  for (auto& [node, answers] : answers_) {
    sends.push_back({node, std::move(answers)});
  }
  for (auto& [node, sets] : forwards_) {
    sends.push_back({node, std::move(sets)});
  }
  answers_.clear();
  forwards_.clear();
  peers_.send(std::move(sends));
}

}  // namespace strata::actors
