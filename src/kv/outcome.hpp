// What became of a SET when it was applied: the same on every node.
#pragma once

#include <variant>

#include "base/ids.hpp"

namespace strata::kv {

// Stored under this revision. (A repeat of an exactly-once write: the revision of the first.)
struct Stored {
  LogIndex revision;
  bool operator==(const Stored&) const = default;
};
// IF did not hold: the key's revision was this one; 0: there was no such key.
struct Conflict {
  LogIndex revision;
  bool operator==(const Conflict&) const = default;
};
// A number below one already used, or a client that may have been forgotten.
struct StaleNumber {
  bool operator==(const StaleNumber&) const = default;
};
// The client had seen a revision that the log had not reached here: it was lost with power. Nothing was stored by this
// copy of the write; one that stands further on in the log may be. Never remembered.
struct SinceNotReached {
  bool operator==(const SinceNotReached&) const = default;
};

using Outcome = std::variant<Stored, Conflict, StaleNumber, SinceNotReached>;

}  // namespace strata::kv
