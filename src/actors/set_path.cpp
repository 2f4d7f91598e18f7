#include "actors/set_path.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "actors/set_answers.hpp"
#include "base/sometimes.hpp"

namespace strata::actors {

namespace {

// What the log has decided; other errors say that this copy of the SET was not applied, or that nobody knows.
bool is_decided(wire::ErrorCode code) {
  return code == wire::ErrorCode::conflict || code == wire::ErrorCode::stale_number;
}

}  // namespace

void SetPath::take(Admitted request, wire::SetRequest set, TimePoint wait_until, TimePoint deadline) {
  if (refusing_) {
    outbox_.not_appended(request, wire::ErrorCode::unavailable, set_answers::stopping);
    return;
  }
  route({std::move(request), std::move(set), std::min(wait_until, deadline), deadline});
}

NodeId SetPath::forward_to() const {
  return leadership_.leader == self_ ? NodeId() : leadership_.leader;
}

void SetPath::route(Waiting waiting) {
  const bool from_peer = std::holds_alternative<PeerOrigin>(waiting.request.from);
  if (leads()) {
    proposed_.add(std::move(waiting.request), waiting.set, waiting.deadline);
  } else if (forward_to() == NodeId()) {
    sometimes(Mark::set_waits_for_leader);
    waiting_.push_back(std::move(waiting));
  } else if (from_peer) {
    sometimes(Mark::forward_not_passed_on);
    // A forward is never passed on a second time: its sender learns that this node does not lead.
    outbox_.not_appended(waiting.request, wire::ErrorCode::unavailable, set_answers::no_leader);
  } else {
    forward(std::move(waiting));
  }
}

void SetPath::forward(Waiting waiting) {
  const std::uint64_t id = ++last_forwarded_;
  outbox_.forward(forward_to(), {id, waiting.set});
  forwarded_.emplace(id, std::move(waiting));
}

void SetPath::flush() {
  if (!waiting_.empty() && (leads() || forward_to() != NodeId())) {
    for (Waiting& waiting : std::exchange(waiting_, {})) {
      route(std::move(waiting));
    }
  }
  proposed_.flush();
}

void SetPath::on(ForwardAnswersFrom& answers) {
  for (wire::ForwardedReply& answer : answers.replies.replies) {
    auto found = forwarded_.extract(answer.id);
    if (found) {
      settle(std::move(found.mapped()), answer);
    } else {  // it is answered already: its time was out, or its leader was given up
      sometimes(Mark::forward_answered_late);
    }
  }
}

void SetPath::settle(Waiting waiting, wire::ForwardedReply& answer) {
  if (const auto* stored = std::get_if<wire::SetReply>(&answer.result)) {
    outbox_.reply(waiting.request, *stored);
    return;
  }
  auto* error = std::get_if<wire::ErrorReply>(&answer.result);
  if (error == nullptr) {
    sometimes(Mark::forward_refused);
    come_back(std::move(waiting));
  } else if (error->code == wire::ErrorCode::unknown) {
    perhaps_appended(std::move(waiting), error->text);
  } else if (is_decided(error->code)) {
    outbox_.reply(waiting.request, std::move(*error));
  } else {
    outbox_.not_appended(waiting.request, error->code, error->text);
  }
}

void SetPath::come_back(Waiting waiting) {
  if (refusing_) {
    outbox_.not_appended(waiting.request, wire::ErrorCode::unavailable, set_answers::stopping);
  } else {
    returned_.push_back(std::move(waiting));
  }
}

// It was passed on, and nobody can say what became of it there.
void SetPath::perhaps_appended(Waiting waiting, std::string_view text) {
  if (!waiting.set.once || refusing_) {
    outbox_.error(waiting.request, wire::ErrorCode::unknown, text);
    return;
  }
  waiting.request.perhaps_appended = true;
  waiting.wait_until = waiting.deadline;  // for a leader that can say; sooner there is nothing better than UNKNOWN
  come_back(std::move(waiting));
}

void SetPath::on(const raft::Leadership& leadership) {
  const bool same_leader = leadership.leader == leadership_.leader && leadership.term == leadership_.term;
  leadership_ = leadership;
  if (same_leader) {
    return;
  }
  proposed_.lose_appended();
  for (auto& [id, waiting] : std::exchange(forwarded_, {})) {
    sometimes(Mark::forward_lost_with_leader);
    perhaps_appended(std::move(waiting), set_answers::lost_leader);
  }
  let_returned_go_on();
}

void SetPath::let_returned_go_on() {
  std::move(returned_.begin(), returned_.end(), std::back_inserter(waiting_));
  returned_.clear();
}

void SetPath::expire(TimePoint now) {
  let_returned_go_on();
  std::deque<Waiting> in_time;
  for (Waiting& set : waiting_) {
    if (set.wait_until <= now) {
      sometimes(Mark::set_out_of_time);
      outbox_.not_appended(set.request, wire::ErrorCode::unavailable,
                           leadership_.recovering ? set_answers::no_leader_recovering : set_answers::no_leader);
    } else {
      in_time.push_back(std::move(set));
    }
  }
  waiting_ = std::move(in_time);
  std::erase_if(forwarded_, [&](const auto& numbered) {
    const bool expired = numbered.second.deadline <= now;
    if (expired) {
      outbox_.error(numbered.second.request, wire::ErrorCode::unknown, set_answers::out_of_time);
    }
    return expired;
  });
  proposed_.expire(now);
}

void SetPath::refuse_new() {
  refusing_ = true;
  let_returned_go_on();
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    outbox_.not_appended(waiting.request, wire::ErrorCode::unavailable, set_answers::stopping);
  }
}

void SetPath::give_up() {
  proposed_.give_up();
  for (const auto& [id, waiting] : std::exchange(forwarded_, {})) {
    outbox_.error(waiting.request, wire::ErrorCode::unknown, set_answers::stopped);
  }
}

}  // namespace strata::actors
