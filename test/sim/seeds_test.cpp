// Random runs: load and faults drawn from the seed, then calm.
#include <doctest/doctest.h>

#include "sim/random_run.hpp"

namespace strata::sim {
namespace {

// Shorter than what the program runs, and so many more of them.
Plan short_plan(std::uint64_t seed) {
  Plan plan = draw_plan(seed);
  plan.end_at = plan.calm_at / 6 + (plan.end_at - plan.calm_at);
  plan.calm_at = plan.calm_at / 6;
  return plan;
}

TEST_CASE("two hundred short seeds pass") {
  std::size_t answered = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const RunReport report = run_plan(short_plan(seed));
    INFO("seed ", seed);
    CHECK(report.failure.value_or("") == "");
    answered += report.answered;
  }
  CHECK(answered > 50'000);  // they do something
}

TEST_CASE("two runs of one seed have the same trace, and two seeds do not") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunReport first = run_plan(short_plan(seed));
    const RunReport second = run_plan(short_plan(seed));
    CHECK(first.trace_hash == second.trace_hash);
    CHECK(first.trace_hash != run_plan(short_plan(seed + 1)).trace_hash);
  }
}

}  // namespace
}  // namespace strata::sim
