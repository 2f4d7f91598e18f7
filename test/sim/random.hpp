// The simulator's own generator, so that a seed means the same with every compiler and library. No floating point.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace strata::sim {

// What a stream of random numbers is for. Streams of one seed are independent: one more number drawn for the network
// changes nothing of what the disks draw.
enum class Purpose : std::uint64_t { plan, faults, network, latency, node, disk, clients, checks, rare_ways, levels };

// xoshiro256** (Blackman and Vigna), started by splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  // The stream number `index` of this purpose.
  Random(std::uint64_t seed, Purpose purpose, std::uint64_t index = 0);

  std::uint64_t next();
  // From 0 to bound - 1, each as likely; bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // From low to high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high);
  Duration between(Duration low, Duration high);
  // True in `permille` of 1000 cases.
  bool chance(std::uint64_t permille) { return below(1000) < permille; }
  // From zero to twice `typical`, and once in about thirty times up to many times that (a heavy tail).
  Duration skewed(Duration typical);

  template <class Item, std::size_t count>
  const Item& one_of(const std::array<Item, count>& items) {
    return items[below(count)];
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace strata::sim
