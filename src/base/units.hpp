// Durations and sizes as people write them on command lines and in configuration files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace strata {

// `0`, or a whole number with a unit: ns, us, ms, s, m, h (`500us`, `2ms`, `1s`). Error: invalid, says what would be
// right.
Result<Duration> parse_duration(std::string_view text);
// A whole number of bytes, alone or with a unit: B, KiB, MiB, GiB (`64KiB`, `16MiB`). Error: invalid.
Result<std::uint64_t> parse_size(std::string_view text);

// In the largest unit that leaves a whole number; the parsers read it back.
std::string format_duration(Duration duration);
std::string format_size(std::uint64_t bytes);

}  // namespace strata
