// The replicated state machine: the dictionary and the sessions, moved on by one committed entry after the other. Pure
// and deterministic: equal entries in equal order give equal states.
#pragma once

#include <cstdint>
#include <optional>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "kv/capture.hpp"
#include "kv/dictionary.hpp"
#include "kv/outcome.hpp"
#include "kv/sessions.hpp"

namespace strata::kv {

class StateMachine {
 public:
  StateMachine() = default;
  // The state after the entry at `applied`, from its parts (Dictionary::store, Sessions::restore). `generation` >= 1.
  StateMachine(Dictionary dictionary, Sessions sessions, LogIndex applied, std::uint64_t generation);

  // Applies the entry that follows on applied(). What became of a command; nothing for an entry that carries none. An
  // entry that does not decode is our bug or a newer version's: asserted.
  std::optional<Outcome> apply(const Entry& entry);

  LogIndex applied() const { return applied_; }
  // From 1; one higher with each election that needed flagged votes (design, section 6, rule 5). Within one, a revision
  // names one write.
  std::uint64_t generation() const { return generation_; }
  const Dictionary& dictionary() const { return dictionary_; }
  const Sessions& sessions() const { return sessions_; }

  // A snapshot of the state as it is now, to be taken in pieces while more is applied; it replaces one that has not
  // ended.
  void begin_capture() { capture_.emplace(*this); }
  void end_capture() { capture_.reset(); }
  const std::optional<Capture>& capture() const { return capture_; }
  // The next piece of the capture, of about `bytes`; the last one when it has ended() afterwards.
  Bytes capture_next(std::size_t bytes) { return capture_->next(dictionary_, bytes); }

  // Of all of it, sessions with their order and the generation included: nodes with equal applied() have equal digests.
  // Reads everything.
  std::uint64_t digest() const;

 private:
  Outcome apply(const SetCommand& command, LogIndex index);
  Outcome store(const SetCommand& command, LogIndex index);

  Dictionary dictionary_;
  Sessions sessions_;
  LogIndex applied_;
  std::uint64_t generation_ = 1;
  std::optional<Capture> capture_;
};

}  // namespace strata::kv
