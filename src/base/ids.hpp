// The numbers of Raft as types of their own, so that a term is never passed for an index.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace strata {

template <class Tag, class Number>
struct StrongId {
  using number_type = Number;
  Number value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Number number) : value(number) {}
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr StrongId next() const { return StrongId(static_cast<Number>(value + 1)); }
};

// A term (Raft paper, section 5.1). 0: before the first election.
using Term = StrongId<struct TermTag, std::uint64_t>;
// The position of an entry in the replicated log. The first entry has index 1; 0: before it.
using LogIndex = StrongId<struct LogIndexTag, std::uint64_t>;
// A member of the cluster, 1 to 65535. 0: none.
using NodeId = StrongId<struct NodeIdTag, std::uint16_t>;
// How many times the data directory of a node was opened: rises by one with each start, and is synced before use.
using Incarnation = StrongId<struct IncarnationTag, std::uint64_t>;
// Identifies a cluster: a hash of its name and the sorted ids of its members.
using ClusterId = StrongId<struct ClusterIdTag, std::uint64_t>;

constexpr LogIndex operator+(LogIndex index, std::uint64_t count) {
  return LogIndex(index.value + count);
}
// Callers know that the result is not negative; LogIndex 0 is the smallest there is.
constexpr LogIndex operator-(LogIndex index, std::uint64_t count) {
  return LogIndex(index.value - count);
}
constexpr std::uint64_t operator-(LogIndex to, LogIndex from) {
  return to.value - from.value;
}

}  // namespace strata

template <class Tag, class Number>
struct std::hash<strata::StrongId<Tag, Number>> {
  std::size_t operator()(strata::StrongId<Tag, Number> id) const noexcept { return std::hash<Number>()(id.value); }
};

template <class Tag, class Number>
struct fmt::formatter<strata::StrongId<Tag, Number>> : fmt::formatter<Number> {
  template <class Context>
  auto format(strata::StrongId<Tag, Number> id, Context& context) const {
    return fmt::formatter<Number>::format(id.value, context);
  }
};
