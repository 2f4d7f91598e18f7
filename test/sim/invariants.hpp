// What must always hold, numbered. docs/invariants.md says of each what it means and where it is looked at; a failure
// names the number.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace strata::sim {

enum class Invariant : std::uint8_t {
  one_leader_a_term = 1,
  leader_append_only,
  log_matching,
  leader_completeness,
  state_machine_safety,
  terms_rise,
  one_vote_a_term,
  commit_rises,
  applied_is_committed,
  marks_in_order,
  acknowledged_is_on_disk,
  promised_is_on_disk,
  answered_survives,
  match_index_is_true,
  no_past_incarnation,
  queues_are_bounded,
  equal_digests,
  one_reply,
  reply_in_time,
  revisions_in_order,
  linearizable,
  exactly_once,
  leader_in_calm,
  served_in_calm,
  equal_in_calm,
  starts_and_stops,
  own_messages,
  flagged_votes,
  only_known_take_part,
};

inline constexpr std::size_t invariant_count = 29;

// In a few words.
std::string_view name_of(Invariant invariant);
// As a failure names it: "invariant 3 (log matching)".
std::string label_of(Invariant invariant);

// Those that are not looked at, by number: to see that something else then is missed.
using Without = std::bitset<invariant_count + 1>;

// Told what is wrong with an invariant; perhaps more than once.
using Violated = std::function<void(Invariant, const std::string&)>;

}  // namespace strata::sim
