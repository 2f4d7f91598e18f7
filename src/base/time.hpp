// Time as an input: no code that decides anything asks a clock by itself.
#pragma once

#include <chrono>

namespace strata {

using Duration = std::chrono::nanoseconds;

// A monotonic clock without now(): the port `Clock` of actors (or a test) says what time it is.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using TimePoint = MonotonicClock::time_point;

}  // namespace strata
