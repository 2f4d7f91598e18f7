// A random run of a few cores: messages are lost, repeated and reordered, nodes crash and keep what their disks kept,
// and after every step the properties of Raft (paper, Figure 3) are checked against everything that ever happened.
#pragma once

#include <cstdint>
#include <string>

namespace strata::raft::testing {

struct SoakResult {
  std::string failure;  // empty: none
  int steps = 0;
  std::uint64_t committed = 0;
  std::uint64_t reads = 0;
  std::uint64_t elections = 0;
  std::uint64_t fetches = 0;
  std::uint64_t truncations = 0;
};

// Everything about the run follows from the seed.
SoakResult soak(std::uint64_t seed, int steps);

}  // namespace strata::raft::testing
