// Keeps a line that others can provoke from filling the log.
#pragma once

#include <cstdint>
#include <string>

#include "base/log.hpp"
#include "base/time.hpp"

namespace strata::net {

// One thread at a time.
class LogLimit {
 public:
  // At most one line in `interval`.
  LogLimit(Logger& logger, Duration interval) : logger_(logger), interval_(interval) {}

  // Writes `event` as a warning, with the number of those left out since the last one; or leaves it out.
  void warning(TimePoint now, const std::string& event);

 private:
  Logger& logger_;
  Duration interval_;
  TimePoint next_;
  std::uint64_t left_out_ = 0;
};

}  // namespace strata::net
