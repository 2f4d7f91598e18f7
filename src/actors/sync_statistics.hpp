// How long syncs took, for STATUS `fsync_us`: counts by power-of-two classes with eight steps each (12 % wide).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/time.hpp"

namespace strata::actors {

class SyncStatistics {
 public:
  void add(Duration took) {
    const auto us = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    ++counts_[class_of(us)];
    ++count_;
    max_us_ = std::max(max_us_, us);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max_us() const { return max_us_; }
  // Upper bound of the class that the given share (0 to 1) of all syncs lies in or below; at most max_us().
  std::uint64_t quantile_us(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen > wanted) {
        return std::min(max_us_, upper_bound(index));
      }
    }
    return max_us_;
  }

 private:
  static constexpr unsigned step_bits = 3;
  static constexpr std::size_t steps = 1 << step_bits;

  static std::size_t class_of(std::uint64_t us) {
    if (us < steps) {
      return us;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - 1 - step_bits;
    return std::min<std::size_t>(classes - 1, (shift + 1) * steps + (us >> shift) - steps);
  }
  static std::uint64_t upper_bound(std::size_t index) {
    if (index < steps) {
      return index;
    }
    const std::size_t shift = index / steps - 1;
    return ((index % steps + steps + 1) << shift) - 1;
  }

  static constexpr std::size_t classes = 40 * steps;
  std::array<std::uint64_t, classes> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_us_ = 0;
};

}  // namespace strata::actors
