// What bench/load says: a live line, a table, JSON.
#pragma once

#include <optional>
#include <string>

#include "bench/load_run.hpp"
#include "bench/options.hpp"
#include "bench/recorder.hpp"

namespace strata::bench {

struct Report {
  Measurement measured;
  double client_cpu_seconds = 0;
  double nodes_cpu_seconds = 0;  // of a spawned cluster
  std::optional<VerifyResult> verified{};
};

// "  12 s   123456/s   p50 0.52 ms   p99 1.20 ms   errors 3"
std::string live_line(double seconds, double rate, const Histogram& latency, std::uint64_t errors);
std::string table(const Report& report, const LoadOptions& options);
std::string json(const Report& report, const LoadOptions& options);

}  // namespace strata::bench
