// One seed from beginning to end: load and faults, then calm, in which the cluster must get well by itself.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "sim/coverage.hpp"
#include "sim/invariants.hpp"
#include "sim/plan.hpp"

namespace strata::sim {

struct RunReport {
  std::uint64_t seed = 0;
  std::optional<std::string> failure;  // what was wrong first, and when
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;  // functions run
  Duration virtual_time{};
  std::size_t requests = 0;
  std::size_t answered = 0;     // with OK or NONE
  std::size_t elections = 0;    // won
  std::uint64_t committed = 0;  // entries
  std::size_t lost = 0;         // SETs that were answered OK and that losses of power took, at `written`
  Reached reached{};            // rare places
};

// For another process of the same program.
Bytes encode_report(const RunReport& report);
RunReport decode_report(BytesView bytes);

RunReport run_plan(const Plan& plan, std::FILE* trace_to = nullptr, Without without = {});
inline RunReport run_seed(std::uint64_t seed, std::FILE* trace_to = nullptr, Without without = {}) {
  return run_plan(draw_plan(seed), trace_to, without);
}

}  // namespace strata::sim
