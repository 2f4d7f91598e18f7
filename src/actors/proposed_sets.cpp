#include "actors/proposed_sets.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "actors/set_answers.hpp"
#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "kv/command.hpp"

namespace strata::actors {

namespace {

kv::SetCommand command_of(const wire::SetRequest& set, std::uint32_t max_sessions) {
  kv::SetCommand command{set.key, set.value};
  if (set.once) {
    command.once = kv::Once{set.once->client, set.once->number, set.once->since, max_sessions};
  }
  command.if_revision = set.if_revision;
  return command;
}

}  // namespace

void ProposedSets::add(Admitted request, const wire::SetRequest& set, TimePoint deadline) {
  gathered_.payloads.push_back(kv::encode_command(command_of(set, max_sessions_)));
  gathered_bytes_ += gathered_.payloads.back().size() + sizeof(Bytes);
  gathered_batch_.sets.push_back({std::move(request), deadline, set.synced});
  gathered_batch_.due = std::min(gathered_batch_.due, deadline);
  if (gathered_bytes_ >= full_proposal) {
    flush();
  }
}

void ProposedSets::flush() {
  if (gathered_.payloads.empty()) {
    return;
  }
  Batch batch = std::exchange(gathered_batch_, {});
  batch.id = gathered_.id = raft::ProposalId(++last_proposal_);
  const PostResult posted = raft_.post(std::exchange(gathered_, {}), std::exchange(gathered_bytes_, 0));
  if (posted == PostResult::accepted) {
    proposed_.push_back(std::move(batch));
  } else if (posted == PostResult::full) {
    not_appended(batch, wire::ErrorCode::busy, "Raft's mailbox is full; not stored, try again later");
  } else {
    not_appended(batch, wire::ErrorCode::unavailable, set_answers::stopping);
  }
}

void ProposedSets::on(const raft::ProposalsAppended& appended) {
  Batch batch = std::move(proposed_.front());
  proposed_.pop_front();
  STRATA_ASSERT(batch.id == appended.id);
  appended_.push_back({appended.term, appended.first, std::move(batch)});
}

void ProposedSets::on(const raft::ProposalsRefused& refused) {
  Batch batch = std::move(proposed_.front());
  proposed_.pop_front();
  STRATA_ASSERT(batch.id == refused.id);
  switch (refused.reason) {
    case raft::RefusalReason::too_much_uncommitted:
      not_appended(batch, wire::ErrorCode::busy, "too much is not yet committed; not stored, try again later");
      break;
    case raft::RefusalReason::disk_full:
      sometimes(Mark::set_refused_for_full_disk);
      no_room(batch);
      break;
    case raft::RefusalReason::not_leader:
      not_appended(batch, wire::ErrorCode::unavailable, set_answers::no_leader);
      break;
  }
}

// Another member is told the reason, too: to send it again at once would bring the same answer.
void ProposedSets::no_room(Batch& batch) {
  for (Pending& set : batch.sets) {
    if (std::exchange(set.answered, true)) {
      continue;
    }
    if (std::holds_alternative<PeerOrigin>(set.request.from)) {
      outbox_.error(set.request, wire::ErrorCode::unavailable, set_answers::disk_full);
    } else {
      outbox_.not_appended(set.request, wire::ErrorCode::unavailable, set_answers::disk_full);
    }
  }
}

void ProposedSets::applied(const Entry& entry, const std::optional<kv::Outcome>& outcome) {
  if (appended_.empty() || entry.index < appended_.front().first) {
    return;
  }
  Appended& appended = appended_.front();
  STRATA_ASSERT(entry.index <= appended.last());
  Pending& set = appended.batch.sets[entry.index - appended.first];
  // The index alone says nothing: another leader's entry may have taken the place.
  const bool is_ours = entry.term == appended.term;
  if (!std::exchange(set.answered, true)) {
    if (is_ours) {
      answer(set, entry.index, outcome.value());
    } else {
      outbox_.error(set.request, wire::ErrorCode::unknown, set_answers::lost_leader);
    }
  }
  if (entry.index == appended.last()) {
    appended_.pop_front();
  }
}

// A repeat is as durable as the write that it repeats. That nothing was stored is known by this entry.
void ProposedSets::answer(Pending& set, LogIndex index, const kv::Outcome& outcome) {
  const auto* stored = std::get_if<kv::Stored>(&outcome);
  const LogIndex decided = stored != nullptr ? stored->revision : index;
  const bool durable = durable_.covers(decided);
  if (set.synced && !durable) {
    durable_.hold(decided, {std::move(set.request), reply_of(outcome, true), set.deadline, wire::ErrorCode::unknown});
  } else {
    outbox_.reply(set.request, reply_of(outcome, durable));
  }
}

wire::ReplyBody ProposedSets::reply_of(const kv::Outcome& outcome, bool durable) const {
  if (const auto* stored = std::get_if<kv::Stored>(&outcome)) {
    return wire::SetReply{stored->revision, durable ? Durability::synced : Durability::written};
  }
  if (const auto* conflict = std::get_if<kv::Conflict>(&outcome)) {
    return wire::ErrorReply{wire::ErrorCode::conflict, "the key has another revision than IF says; nothing was stored",
                            conflict->revision};
  }
  if (std::holds_alternative<kv::SinceNotReached>(outcome)) {
    return wire::ErrorReply{wire::ErrorCode::unknown, std::string(set_answers::since_not_reached), std::nullopt};
  }
  return wire::ErrorReply{wire::ErrorCode::stale_number,
                          "a later number of this client was used, or its session may have been forgotten: then go on "
                          "with a new client name and a SINCE read now",
                          std::nullopt};
}

void ProposedSets::not_appended(Batch& batch, wire::ErrorCode code, std::string_view text) {
  for (Pending& set : batch.sets) {
    if (!std::exchange(set.answered, true)) {
      outbox_.not_appended(set.request, code, text);
    }
  }
}

void ProposedSets::unknown(Batch& batch, std::string_view text) {
  for (Pending& set : batch.sets) {
    if (!std::exchange(set.answered, true)) {
      outbox_.error(set.request, wire::ErrorCode::unknown, text);
    }
  }
}

void ProposedSets::expire(Batch& batch, TimePoint now) {
  if (now < batch.due) {
    return;
  }
  batch.due = TimePoint::max();
  for (Pending& set : batch.sets) {
    if (set.answered) {
      continue;
    }
    if (set.deadline <= now) {
      set.answered = true;
      outbox_.error(set.request, wire::ErrorCode::unknown, set_answers::out_of_time);
    } else {
      batch.due = std::min(batch.due, set.deadline);
    }
  }
}

void ProposedSets::expire(TimePoint now) {
  for (Batch& batch : proposed_) {
    expire(batch, now);
  }
  for (Appended& appended : appended_) {
    expire(appended.batch, now);
  }
}

void ProposedSets::lose_appended() {
  for (Appended& appended : std::exchange(appended_, {})) {
    sometimes(Mark::set_lost_with_leader);
    unknown(appended.batch, set_answers::lost_leader);
  }
}

void ProposedSets::give_up() {
  for (Batch& batch : proposed_) {
    unknown(batch, set_answers::stopped);
  }
  for (Appended& appended : appended_) {
    unknown(appended.batch, set_answers::stopped);
  }
}

}  // namespace strata::actors
