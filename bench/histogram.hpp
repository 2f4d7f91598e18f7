// Latencies in buckets whose width grows with the value (log-linear, as HdrHistogram): cheap to record, exact to half a
// percent at any size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::bench {

class Histogram {
 public:
  Histogram();

  void record(std::uint64_t value);
  void add(const Histogram& other);
  void clear();

  std::uint64_t count() const { return count_; }
  double mean() const;
  std::uint64_t max() const { return max_; }
  // The smallest value such that at least `quantile` (0 to 1) of those recorded are no greater; at most 1/256 above it.
  // 0 when nothing was recorded.
  std::uint64_t at(double quantile) const;

  // The columns of HdrHistogram's .hgrm files: Value Percentile TotalCount 1/(1-Percentile); values divided by `unit`.
  std::string hgrm(double unit) const;

 private:
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t last_value_of(std::size_t bucket);
  std::uint64_t highest_in(std::size_t bucket) const;
  double deviation() const;

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace strata::bench
