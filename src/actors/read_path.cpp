#include "actors/read_path.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

namespace {

constexpr std::string_view no_leader_text =
    "no leader is known, or it could not be asked in time; try again, or read LOCAL";
constexpr std::string_view recovering_text =
    "this node is recovering, or does not take part yet (see STATUS), and no leader is known; try again, or read LOCAL";
constexpr std::string_view not_applied_text = "this node has not applied so much of the log in time";
constexpr std::string_view busy_text =
    "the node has as much pending as --max-pending allows, and the value has to wait for a sync; try again later";
constexpr std::string_view stopping_text = "this node is shutting down; ask another";

}  // namespace

void ReadPath::take(Admitted request, wire::GetRequest get, TimePoint wait_until, TimePoint deadline) {
  if (refusing_) {
    outbox_.error(request, wire::ErrorCode::unavailable, stopping_text);
    return;
  }
  Get pending{std::move(request), std::move(get), wait_until, deadline};
  if (pending.get.local) {
    serve_at(LogIndex(), std::move(pending));
  } else {
    waiting_.push_back(std::move(pending));
  }
}

void ReadPath::flush() {
  if (waiting_.empty() || leadership_.leader == NodeId()) {
    return;
  }
  const raft::ReadId id(++last_read_);
  if (raft_.post(raft::Read{id}, sizeof id) == PostResult::accepted) {
    asked_.emplace(id, std::exchange(waiting_, {}));
  }
}

void ReadPath::on(const ReadsReady& ready) {
  for (const raft::ReadReady& read : ready.reads) {
    auto asked = asked_.extract(read.id);
    if (!asked) {
      sometimes(Mark::read_answered_late);
      continue;
    }
    for (Get& get : asked.mapped()) {
      serve_at(read.index, std::move(get));
    }
  }
}

void ReadPath::on(const ReadsFailed& failed) {
  for (const raft::ReadId id : failed.reads) {
    if (auto asked = asked_.extract(id)) {
      sometimes(Mark::read_asked_again);
      std::move(asked.mapped().begin(), asked.mapped().end(), std::back_inserter(waiting_));
    }
  }
}

void ReadPath::serve_at(LogIndex index, Get get) {
  const LogIndex needed = std::max(index, get.get.min_revision.value_or(LogIndex()));
  if (needed <= state_.applied()) {
    serve(needed, get);
  } else {
    sometimes(Mark::read_waits_for_apply);
    to_be_applied_.emplace(needed, std::move(get));
  }
}

void ReadPath::serve(LogIndex index, Get& get) {
  const kv::Item* item = state_.dictionary().find(get.get.key);
  wire::ReplyBody body = item != nullptr ? wire::ReplyBody(wire::GetReply{get.get.key, item->value, item->revision})
                                         : wire::ReplyBody(wire::NoneReply{get.get.key});
  // What is read may be newer than what was asked for.
  const LogIndex read = item != nullptr ? std::max(index, item->revision) : index;
  if (get.get.synced && !durable_.covers(read)) {
    serve_when_durable(read, get, std::move(body), item != nullptr ? item->value.size() : 0);
  } else {
    outbox_.reply(get.request, std::move(body));
  }
}

// The value as it is now, which takes memory: a key that is written again and again is never durable in its newest.
void ReadPath::serve_when_durable(LogIndex index, Get& get, wire::ReplyBody body, std::size_t bytes) {
  if (!outbox_.admit(bytes)) {
    outbox_.error(get.request, wire::ErrorCode::busy, busy_text);
    return;
  }
  get.request.bytes += bytes;
  durable_.hold(index, {std::move(get.request), std::move(body), get.deadline, wire::ErrorCode::unavailable});
}

void ReadPath::applied() {
  const auto end = to_be_applied_.upper_bound(state_.applied());
  for (auto waiting = to_be_applied_.begin(); waiting != end; waiting = to_be_applied_.erase(waiting)) {
    serve(waiting->first, waiting->second);
  }
}

void ReadPath::refuse(std::vector<Get>& gets, std::string_view text) {
  for (const Get& get : gets) {
    outbox_.error(get.request, wire::ErrorCode::unavailable, text);
  }
  gets.clear();
}

void ReadPath::expire(TimePoint now) {
  std::erase_if(waiting_, [&](const Get& get) {
    return refuse_if(get.wait_until <= now || get.deadline <= now, get,
                     leadership_.recovering ? recovering_text : no_leader_text);
  });
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    std::erase_if(asked->second, [&](const Get& get) { return refuse_if(get.deadline <= now, get, no_leader_text); });
    asked = asked->second.empty() ? asked_.erase(asked) : std::next(asked);
  }
  std::erase_if(to_be_applied_, [&](const auto& waiting) {
    return refuse_if(waiting.second.deadline <= now, waiting.second, not_applied_text);
  });
}

bool ReadPath::refuse_if(bool condition, const Get& get, std::string_view text) {
  if (condition) {
    outbox_.error(get.request, wire::ErrorCode::unavailable, text);
  }
  return condition;
}

void ReadPath::refuse_all() {
  refusing_ = true;
  refuse(waiting_, stopping_text);
  for (auto& [id, gets] : std::exchange(asked_, {})) {
    refuse(gets, stopping_text);
  }
  for (const auto& [index, get] : std::exchange(to_be_applied_, {})) {
    outbox_.error(get.request, wire::ErrorCode::unavailable, stopping_text);
  }
}

}  // namespace strata::actors
