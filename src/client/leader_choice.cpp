#include "client/leader_choice.hpp"

#include <algorithm>

namespace strata::client {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

bool is_recent(const NodeView& node, SteadyTime now) {
  return node.seen && now - *node.seen < view_lifetime;
}

bool denied(std::span<const NodeView> nodes, std::uint16_t leader, SteadyTime now) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const NodeView& node) {
    return node.ready && node.id == leader && is_recent(node, now) && node.leader != leader;
  });
}

}  // namespace

std::uint16_t choose_leader(std::span<const NodeView> nodes, SteadyTime now) {
  const NodeView* best = nullptr;
  for (const NodeView& node : nodes) {
    const bool names_one = node.ready && is_recent(node, now) && node.leader != 0 && !denied(nodes, node.leader, now);
    if (names_one && (best == nullptr || node.term > best->term)) {
      best = &node;
    }
  }
  return best == nullptr ? std::uint16_t{0} : best->leader;
}

std::optional<std::size_t> choose_target(std::span<const NodeView> nodes, std::uint16_t leader, SteadyTime leader_since,
                                         SteadyTime now) {
  if (leader == 0) {
    return std::nullopt;
  }
  bool was_ready = false;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].id == leader && nodes[i].ready) {
      return i;
    }
    was_ready = was_ready || (nodes[i].id == leader && nodes[i].was_ready);
  }
  if (now - leader_since < (was_ready ? patience_with_lost_leader : patience_with_unseen_leader)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].ready && nodes[i].leader == leader && is_recent(nodes[i], now)) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace strata::client
