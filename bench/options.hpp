// The options of bench/load.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/workload.hpp"

namespace strata::bench {

struct LoadOptions {
  std::vector<std::string> endpoints;
  unsigned connections = 1;
  unsigned pipeline = 1;
  std::chrono::nanoseconds duration{};
  std::uint64_t operations = 0;  // 0: as many as fit into the duration
  std::chrono::nanoseconds warmup{};
  WorkloadOptions workload;
  double rate = 0;  // a second; 0: a closed loop
  std::chrono::nanoseconds timeout{};
  bool verify = false;
  unsigned spawn = 0;
  std::string spawn_dir;
  std::vector<std::string> node_flags;
  std::string json_file;
  std::string histogram_file;
};

}  // namespace strata::bench
