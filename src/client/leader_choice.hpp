// Which node the requests of a client go to, decided from what the nodes say: pure, time comes in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace strata::client {

// What is known of one endpoint.
struct NodeView {
  std::uint16_t id = 0;                                         // 0: it has not said yet
  bool ready = false;                                           // a connection stands
  bool was_ready = false;                                       // one stood before
  std::optional<std::chrono::steady_clock::time_point> seen{};  // when it last answered STATUS
  std::uint64_t term = 0;                                       // as it said then
  std::uint16_t leader = 0;                                     // as it said then; 0: it knew none
};

// How old an answer may be to count.
inline constexpr std::chrono::seconds view_lifetime{2};
// A leader that nobody of us can reach, but a follower can: after this long the follower is used, which passes the
// requests on. Longer when the leader was reachable before, for then it is more likely that it died.
inline constexpr std::chrono::seconds patience_with_unseen_leader{1};
inline constexpr std::chrono::seconds patience_with_lost_leader{3};

// The leader of the highest term that a recent answer names; an answer is not believed when the leader it names denies
// it in a recent answer of its own. 0: no leader is known.
std::uint16_t choose_leader(std::span<const NodeView> nodes, std::chrono::steady_clock::time_point now);

// The index of the node to send to: the leader itself if it can be reached; otherwise, when that has been so since
// `leader_since` for longer than we are patient, a node that follows it. Nothing: wait.
std::optional<std::size_t> choose_target(std::span<const NodeView> nodes, std::uint16_t leader,
                                         std::chrono::steady_clock::time_point leader_since,
                                         std::chrono::steady_clock::time_point now);

}  // namespace strata::client
