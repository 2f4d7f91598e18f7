#include "kv/state_machine.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "kv/command.hpp"
#include "kv/digest.hpp"

namespace strata::kv {

namespace {

void add(Digest& digest, const Outcome& outcome) {
  digest.add(static_cast<std::uint64_t>(outcome.index()));
  if (const auto* stored = std::get_if<Stored>(&outcome)) {
    digest.add(stored->revision.value);
  } else if (const auto* conflict = std::get_if<Conflict>(&outcome)) {
    digest.add(conflict->revision.value);
  }
}

}  // namespace

StateMachine::StateMachine(Dictionary dictionary, Sessions sessions, LogIndex applied, std::uint64_t generation)
    : dictionary_(std::move(dictionary)), sessions_(std::move(sessions)), applied_(applied), generation_(generation) {
  STRATA_ASSERT(generation >= 1);
}

std::optional<Outcome> StateMachine::apply(const Entry& entry) {
  STRATA_ASSERT(entry.index == applied_.next());
  applied_ = entry.index;
  if (entry.type != EntryType::command) {
    generation_ += entry.type == EntryType::new_generation ? 1 : 0;
    return std::nullopt;
  }
  const auto command = decode_command(entry.payload());
  STRATA_ASSERT(command.has_value());
  return apply(*command, entry.index);
}

Outcome StateMachine::apply(const SetCommand& command, LogIndex index) {
  if (!command.once) {
    return store(command, index);
  }
  if (const std::optional<Outcome> earlier = sessions_.look_up(*command.once, index)) {
    if (!std::holds_alternative<SinceNotReached>(*earlier)) {
      sometimes(std::holds_alternative<StaleNumber>(*earlier) ? Mark::set_number_stale : Mark::set_repeated);
    }
    return *earlier;
  }
  const Outcome outcome = store(command, index);
  sessions_.remember(*command.once, index, outcome);
  return outcome;
}

Outcome StateMachine::store(const SetCommand& command, LogIndex index) {
  if (command.if_revision) {
    const Item* item = dictionary_.find(command.key);
    const LogIndex revision = item == nullptr ? LogIndex() : item->revision;
    if (revision != *command.if_revision) {
      return Conflict{revision};
    }
  }
  if (capture_) {
    capture_->about_to_store(dictionary_, command.key);
  }
  dictionary_.store(command.key, command.value, index);
  return Stored{index};
}

std::uint64_t StateMachine::digest() const {
  Digest digest;
  digest.add(applied_.value);
  digest.add(generation_);
  digest.add(static_cast<std::uint64_t>(dictionary_.size()));
  for (const auto& [key, item] : dictionary_.sorted()) {
    digest.add(key);
    digest.add(item->value);
    digest.add(item->revision.value);
  }
  digest.add(sessions_.last_forgotten_at().value);
  for (const Session& session : sessions_.in_order()) {
    digest.add(session.client);
    digest.add(session.number);
    add(digest, session.outcome);
  }
  return digest.value();
}

}  // namespace strata::kv
