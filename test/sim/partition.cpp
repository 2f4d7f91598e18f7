#include "sim/partition.hpp"

#include <algorithm>

namespace strata::sim {

namespace {

std::size_t distance(std::size_t from, std::size_t to) {
  return from < to ? to - from : from - to;
}

std::size_t distance_on_ring(std::size_t from, std::size_t to, std::size_t size) {
  return std::min(distance(from, to), size - distance(from, to));
}

// By places in the order; from != to.
bool is_cut(Shape shape, std::size_t from, std::size_t to, std::size_t size, std::size_t part) {
  const std::size_t last = size - 1;
  const bool at_last = from == last || to == last;
  const bool at_first = from == 0 || to == 0;
  const bool apart = (from < part) != (to < part);
  switch (shape) {
    case Shape::isolate:
      return at_first;
    case Shape::mute:
      return from == 0;
    case Shape::deaf:
      return to == 0;
    case Shape::pair:
      return at_first && from + to == 1;
    case Shape::halves:
      return apart;
    case Shape::bridge:
      return apart && !at_last;
    case Shape::ring:
      return distance_on_ring(from, to, size) > (size / 2 + 1) / 2;
    case Shape::quorum_loss:
      return !at_last;
    case Shape::constrained:
      return !at_last || at_first;
    case Shape::chained:
      return distance(from, to) > 1;
  }
  return false;
}

}  // namespace

Ways ways_to_cut(Shape shape, const std::vector<NodeId>& order, std::size_t part) {
  Ways ways;
  for (std::size_t from = 0; from < order.size(); ++from) {
    for (std::size_t to = 0; to < order.size(); ++to) {
      if (from != to && is_cut(shape, from, to, order.size(), part)) {
        ways.emplace_back(order[from], order[to]);
      }
    }
  }
  return ways;
}

}  // namespace strata::sim
