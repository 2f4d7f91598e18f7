#include "kv/sessions.hpp"

#include <iterator>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"

namespace strata::kv {

std::optional<Outcome> Sessions::look_up(const Once& once, LogIndex index) {
  const auto found = by_client_.find(once.client);
  if (found == by_client_.end()) {
    return look_up_unknown(once, index);
  }
  order_.splice(order_.end(), order_, found->second);
  const Session& session = *found->second;
  if (once.number > session.number) {
    return std::nullopt;
  }
  return once.number == session.number ? session.outcome : Outcome(StaleNumber());
}

std::optional<Outcome> Sessions::look_up_unknown(const Once& once, LogIndex index) const {
  const bool may_be_forgotten = once.since && *once.since < last_forgotten_at_;
  if (may_be_forgotten) {
    sometimes(Mark::session_perhaps_forgotten);
    return StaleNumber();
  }
  const bool has_seen_what_is_lost = once.since && *once.since >= index;
  return has_seen_what_is_lost ? std::optional<Outcome>(SinceNotReached()) : std::nullopt;
}

void Sessions::remember(const Once& once, LogIndex index, Outcome outcome) {
  if (const auto found = by_client_.find(once.client); found != by_client_.end()) {
    found->second->number = once.number;
    found->second->outcome = outcome;
    return;
  }
  while (!order_.empty() && order_.size() >= once.max_sessions) {
    by_client_.erase(order_.front().client);
    order_.pop_front();
    last_forgotten_at_ = index;
    sometimes(Mark::session_forgotten);
  }
  restore({Bytes(once.client), once.number, outcome});
}

void Sessions::restore(Session session) {
  order_.push_back(std::move(session));
  const bool fresh = by_client_.emplace(order_.back().client, std::prev(order_.end())).second;
  STRATA_ASSERT(fresh);
}

}  // namespace strata::kv
