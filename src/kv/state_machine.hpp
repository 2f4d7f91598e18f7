// The replicated state machine: the dictionary and the sessions, moved on by one committed entry after the other. Pure
// and deterministic: equal entries in equal order give equal states.
#pragma once

#include <cstdint>
#include <optional>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "kv/dictionary.hpp"
#include "kv/outcome.hpp"
#include "kv/sessions.hpp"

namespace strata::kv {

class StateMachine {
 public:
  StateMachine() = default;
  // The state after the entry at `applied`, from its parts (Dictionary::store, Sessions::restore).
  StateMachine(Dictionary dictionary, Sessions sessions, LogIndex applied);

  // Applies the entry that follows on applied(). What became of a command; nothing for an entry that carries none. An
  // entry that does not decode is our bug or a newer version's: asserted.
  std::optional<Outcome> apply(const Entry& entry);

  LogIndex applied() const { return applied_; }
  const Dictionary& dictionary() const { return dictionary_; }
  const Sessions& sessions() const { return sessions_; }

  // Of all of it, sessions and their order included: nodes with equal applied() have equal digests. Reads everything.
  std::uint64_t digest() const;

 private:
  Outcome apply(const SetCommand& command, LogIndex index);
  Outcome store(const SetCommand& command, LogIndex index);

  Dictionary dictionary_;
  Sessions sessions_;
  LogIndex applied_;
};

}  // namespace strata::kv
