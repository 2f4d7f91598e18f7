#include "actors/set_path.hpp"

#include <utility>

#include "kv/command.hpp"

namespace strata::actors {

namespace {

constexpr std::string_view no_leader_text = "no leader is known; not stored, try again";
constexpr std::string_view stopping_text = "this node is shutting down; not stored, ask another";
constexpr std::string_view lost_leader_text = "the leader was lost before the write was known to be committed";
constexpr std::string_view stopped_text = "the node stopped before the write was known to be committed";
constexpr std::string_view out_of_time_text = "the time ran out before the write was known to be committed";

kv::SetCommand command_of(const wire::SetRequest& set, std::uint32_t max_sessions) {
  kv::SetCommand command{set.key, set.value};
  if (set.once) {
    command.once = kv::Once{set.once->client, set.once->number, set.once->since, max_sessions};
  }
  command.if_revision = set.if_revision;
  return command;
}

}  // namespace

void SetPath::take(Admitted request, wire::SetRequest set, TimePoint wait_until, TimePoint deadline) {
  if (refusing_) {
    outbox_.not_appended(request, stopping_text);
    return;
  }
  route({std::move(request), std::move(set), wait_until, deadline});
}

NodeId SetPath::forward_to() const {
  return leadership_.leader == settings_.self ? NodeId() : leadership_.leader;
}

void SetPath::route(Waiting waiting) {
  const bool from_peer = std::holds_alternative<PeerOrigin>(waiting.request.from);
  if (leads()) {
    propose(waiting);
  } else if (forward_to() == NodeId()) {
    waiting_.push_back(std::move(waiting));
  } else if (from_peer) {
    // A forward is never passed on a second time: its sender learns that this node does not lead.
    outbox_.not_appended(waiting.request, no_leader_text);
  } else {
    forward(std::move(waiting));
  }
}

void SetPath::propose(Waiting& waiting) {
  if (gathered_.payloads.empty()) {
    gathered_requests_.deadline = waiting.deadline;
  }
  gathered_.payloads.push_back(kv::encode_command(command_of(waiting.set, settings_.max_sessions)));
  gathered_requests_.requests.push_back(std::move(waiting.request));
}

void SetPath::forward(Waiting waiting) {
  const std::uint64_t id = ++last_forwarded_;
  outbox_.forward(forward_to(), {id, waiting.set});
  forwarded_.emplace(id, std::move(waiting));
}

void SetPath::route_waiting() {
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    route(std::move(waiting));
  }
}

void SetPath::flush() {
  if (!waiting_.empty() && (leads() || forward_to() != NodeId())) {
    route_waiting();
  }
  if (gathered_.payloads.empty()) {
    return;
  }
  std::size_t bytes = 0;
  for (const Bytes& payload : gathered_.payloads) {
    bytes += payload.size() + sizeof payload;
  }
  gathered_.id = gathered_requests_.id = raft::ProposalId(++last_proposal_);
  const PostResult posted = raft_.post(std::move(gathered_), bytes);
  if (posted == PostResult::accepted) {
    proposed_.push_back(std::move(gathered_requests_));
  } else if (posted == PostResult::full) {
    answer_rest(gathered_requests_, wire::ErrorCode::busy, "Raft's mailbox is full; not stored, try again later");
  } else {
    for (const Admitted& request : gathered_requests_.requests) {
      outbox_.not_appended(request, stopping_text);
    }
  }
  gathered_ = {};
  gathered_requests_ = {};
}

void SetPath::on(const raft::ProposalsAppended& appended) {
  Proposed batch = std::move(proposed_.front());
  proposed_.pop_front();
  STRATA_ASSERT(batch.id == appended.id);
  appended_.push_back({appended.first, std::move(batch)});
}

void SetPath::on(const raft::ProposalsRefused& refused) {
  Proposed batch = std::move(proposed_.front());
  proposed_.pop_front();
  STRATA_ASSERT(batch.id == refused.id);
  if (refused.reason == raft::RefusalReason::too_much_uncommitted) {
    answer_rest(batch, wire::ErrorCode::busy, "too much is not yet committed; not stored, try again later");
    return;
  }
  for (; batch.answered < batch.requests.size(); ++batch.answered) {
    outbox_.not_appended(batch.requests[batch.answered], no_leader_text);
  }
}

void SetPath::on(ForwardAnswersFrom& answers) {
  for (wire::ForwardedReply& answer : answers.replies.replies) {
    auto found = forwarded_.find(answer.id);
    if (found == forwarded_.end()) {
      continue;  // answered already: its time was out, or its leader was given up
    }
    Waiting waiting = std::move(found->second);
    forwarded_.erase(found);
    if (const auto* stored = std::get_if<wire::SetReply>(&answer.result)) {
      outbox_.reply(waiting.request, *stored);
    } else if (auto* error = std::get_if<wire::ErrorReply>(&answer.result)) {
      outbox_.reply(waiting.request, std::move(*error));
    } else if (refusing_) {
      outbox_.not_appended(waiting.request, stopping_text);
    } else {
      waiting_.push_back(std::move(waiting));
    }
  }
}

void SetPath::on(const raft::Leadership& leadership) {
  const bool same_leader = leadership.leader == leadership_.leader && leadership.term == leadership_.term;
  leadership_ = leadership;
  if (same_leader) {
    return;
  }
  for (Appended& appended : std::exchange(appended_, {})) {
    answer_rest(appended.batch, wire::ErrorCode::unknown, lost_leader_text);
  }
  for (const auto& [id, waiting] : std::exchange(forwarded_, {})) {
    outbox_.error(waiting.request, wire::ErrorCode::unknown, lost_leader_text);
  }
}

void SetPath::applied(const Entry& entry, const std::optional<kv::Outcome>& outcome) {
  const LogIndex index = entry.index;
  if (appended_.empty() || index < appended_.front().first) {
    return;
  }
  Appended& appended = appended_.front();
  STRATA_ASSERT(index <= appended.last());
  Proposed& batch = appended.batch;
  if (batch.answered == index - appended.first) {
    outbox_.reply(batch.requests[batch.answered++], reply_of(outcome.value()));
  }
  if (index == appended.last()) {
    appended_.pop_front();
  }
}

wire::ReplyBody SetPath::reply_of(const kv::Outcome& outcome) const {
  if (const auto* stored = std::get_if<kv::Stored>(&outcome)) {
    return wire::SetReply{stored->revision, settings_.ack};
  }
  if (const auto* conflict = std::get_if<kv::Conflict>(&outcome)) {
    return wire::ErrorReply{wire::ErrorCode::conflict, "the key has another revision than IF says; nothing was stored",
                            conflict->revision};
  }
  return wire::ErrorReply{wire::ErrorCode::stale_number,
                          "a later number of this client was used, or its session may have been forgotten",
                          std::nullopt};
}

void SetPath::answer_rest(Proposed& batch, wire::ErrorCode code, std::string_view text) {
  for (; batch.answered < batch.requests.size(); ++batch.answered) {
    outbox_.error(batch.requests[batch.answered], code, text);
  }
}

void SetPath::expire(TimePoint now) {
  std::deque<Waiting> waiting;
  for (Waiting& set : waiting_) {
    if (set.wait_until <= now) {
      outbox_.not_appended(set.request, no_leader_text);
    } else {
      waiting.push_back(std::move(set));
    }
  }
  waiting_ = std::move(waiting);
  for (Proposed& batch : proposed_) {
    if (batch.deadline <= now) {
      answer_rest(batch, wire::ErrorCode::unknown, out_of_time_text);
    }
  }
  for (Appended& appended : appended_) {
    if (appended.batch.deadline <= now) {
      answer_rest(appended.batch, wire::ErrorCode::unknown, out_of_time_text);
    }
  }
  std::erase_if(forwarded_, [&](auto& numbered) {
    const bool expired = numbered.second.deadline <= now;
    if (expired) {
      outbox_.error(numbered.second.request, wire::ErrorCode::unknown, out_of_time_text);
    }
    return expired;
  });
}

void SetPath::refuse_new() {
  refusing_ = true;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    outbox_.not_appended(waiting.request, stopping_text);
  }
}

void SetPath::give_up() {
  for (Proposed& batch : proposed_) {
    answer_rest(batch, wire::ErrorCode::unknown, stopped_text);
  }
  for (Appended& appended : appended_) {
    answer_rest(appended.batch, wire::ErrorCode::unknown, stopped_text);
  }
  for (const auto& [id, waiting] : std::exchange(forwarded_, {})) {
    outbox_.error(waiting.request, wire::ErrorCode::unknown, stopped_text);
  }
}

}  // namespace strata::actors
