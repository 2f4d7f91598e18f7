// Counts what happens during a run, and how long it took.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <vector>

#include "bench/histogram.hpp"
#include "strata/client.hpp"

namespace strata::bench {

using Time = std::chrono::steady_clock::time_point;
using ErrorCounts = std::array<std::uint64_t, client::error_code_count>;

// What was measured; times in nanoseconds.
struct Measurement {
  std::uint64_t operations = 0;
  ErrorCounts errors{};
  double seconds = 0;
  Histogram latency;
  std::vector<std::uint64_t> per_second;
  std::chrono::nanoseconds longest_gap{0};  // without a completed operation
  double longest_gap_at = 0;                // seconds from the beginning to the beginning of that gap
};

// Any thread may call any member. Counts what completes between begin() and end(); errors also before (a run that does
// nothing but fail must not look idle).
class Recorder {
 public:
  // What completes at `until` or later does not count.
  void begin(Time now, Time until);
  void completed(Time due, Time now);
  void failed(client::ErrorCode code);
  // The measurement lasted until `until`; if there was no such time, until the last completion.
  void end(Time now);

  Measurement result() const;
  // What completed since the last call, and all errors so far: for the live line.
  std::uint64_t take_interval(Histogram& latency);
  std::uint64_t errors() const;

 private:
  void note_gap(Time now);

  mutable std::mutex mutex_;
  std::optional<Time> begin_;
  Time until_;
  bool ended_ = false;
  Time last_;
  Measurement measured_;
  Histogram interval_;
};

}  // namespace strata::bench
