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
// A number below one already used, or a client that may have been forgotten, or that has seen what is lost.
struct StaleNumber {
  bool operator==(const StaleNumber&) const = default;
};

using Outcome = std::variant<Stored, Conflict, StaleNumber>;

}  // namespace strata::kv
