#include "sim/invariants.hpp"

#include <fmt/format.h>

#include <array>

#include "base/assert.hpp"

namespace strata::sim {

namespace {

constexpr std::array<std::string_view, invariant_count> names{
    "one leader a term",
    "a leader only appends",
    "log matching",
    "leader completeness",
    "state machine safety",
    "terms do not go back",
    "one vote a term",
    "commit and applied do not go back",
    "what is applied is committed",
    "synced, written and last are in order",
    "what is acknowledged is on the disk",
    "what is promised is on the disk",
    "what is answered survives",
    "match_index is true",
    "no past incarnation",
    "queues are bounded",
    "equal digests",
    "one reply to a request",
    "replies come in time",
    "revisions are in order",
    "linearizability",
    "exactly once",
    "in calm there is a leader",
    "in calm requests are served",
    "in calm all copies become equal",
    "nodes start and stop",
    "members send what members understand",
    "who may lack something votes with a flag",
    "only known directories take part",
};

}  // namespace

std::string_view name_of(Invariant invariant) {
  const auto number = static_cast<std::size_t>(invariant);
  STRATA_ASSERT(number >= 1 && number <= invariant_count);
  return names[number - 1];
}

std::string label_of(Invariant invariant) {
  return fmt::format("invariant {} ({})", static_cast<unsigned>(invariant), name_of(invariant));
}

}  // namespace strata::sim
