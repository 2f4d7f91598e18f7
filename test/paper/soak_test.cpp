#include "soak.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace strata::raft::testing;

// More of it: SOAK_FIRST=1 SOAK_SEEDS=100000 paper_test -tc="*random schedules*"
static std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

TEST_CASE("Random schedules of losses, repetitions, reorderings and crashes leave every property of Figure 3 intact") {
  const std::uint64_t first = setting("SOAK_FIRST", 1);
  const std::uint64_t seeds = setting("SOAK_SEEDS", 500);
  SoakResult sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    INFO("seed ", seed);  // said when an assertion of the core ends the run, too
    const SoakResult result = soak(seed, 5000);
    INFO("step ", result.steps, ": ", result.failure);
    REQUIRE(result.failure.empty());
    sum.committed += result.committed;
    sum.reads += result.reads;
    sum.elections += result.elections;
    sum.fetches += result.fetches;
    sum.truncations += result.truncations;
  }
  MESSAGE("committed ", sum.committed, ", reads ", sum.reads, ", elections ", sum.elections, ", fetches ", sum.fetches,
          ", truncations ", sum.truncations);
  // A schedule in which nothing happens proves nothing.
  CHECK(sum.committed > 20 * seeds);
  CHECK(sum.reads > 5 * seeds);
  CHECK(sum.elections > 2 * seeds);
  CHECK(sum.fetches > 0);
  CHECK(sum.truncations > seeds / 10);
}

TEST_CASE("One seed, one run") {
  const SoakResult once = soak(7, 2000);
  const SoakResult twice = soak(7, 2000);
  CHECK(once.committed == twice.committed);
  CHECK(once.reads == twice.reads);
  CHECK(once.elections == twice.elections);
}
