// Which data directory a member of the cluster has, and what the others remember of it (design, section 6, rule 6;
// docs/decisions/rejoin.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"

namespace strata {

// Of one cluster. What a node remembers of the others stands beside its term and vote, in a slot of fixed size.
inline constexpr std::size_t max_members = 64;

// One start of a node.
struct Start {
  std::uint64_t directory = 0;  // the name of its data directory, a random number; 0: it has none, or it is not known
  Incarnation incarnation;      // counts the starts of this directory
  std::uint64_t nonce = 0;      // drawn at this start: a copy of the directory draws another
  bool operator==(const Start&) const = default;
};

// So many starts of a directory are remembered in it, the newest included: a directory that was put back, and started
// again less often than that, does not pass for what it was before.
inline constexpr std::size_t max_nonces = 16;

// Whether a node may take part.
enum class Admission : std::uint8_t {
  member,  // yes
  // Its directory is new: it is silent (no vote, no campaign, no acknowledgement) until all other members have recorded
  // it, so that none of them will ever take another one for this node's.
  asking,
  // Its directory is new, and takes the place of one that was lost: it is silent until all others have recorded it and
  // have told it, since this start, in which term they are.
  rejoining,
  // Another member has found out that its directory was put back to an older state. It is never opened again: after
  // more starts than a directory remembers, that could not be found out any more.
  outdated,
};

// What a node must not forget of another member.
struct KnownMember {
  NodeId node;
  Start start;  // the newest that was recorded
  Term term;    // the highest heard from that start and those before it
  bool operator==(const KnownMember&) const = default;
};

}  // namespace strata
