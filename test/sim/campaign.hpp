// Many seeds, one after the other or several at once, up to the first that fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "sim/fault_kinds.hpp"
#include "sim/invariants.hpp"

namespace strata::sim {

// Of the sources that this program was built from.
extern const char* const commit;

struct Campaign {
  std::uint64_t first = 1;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t minutes = 0;  // at most so long; 0: until `last`
  std::size_t jobs = 1;       // processes
  Without without;
  FaultChoice faults;
  bool trace = false;        // prints what happens; one process only
  bool all_reached = false;  // fails unless every rare place was reached
  bool hashes = false;       // prints each seed with the hash of its trace, and no summary
};

// Prints to standard output, a failure in one line. True when nothing failed. Not to be called twice.
bool run(const Campaign& campaign);

}  // namespace strata::sim
