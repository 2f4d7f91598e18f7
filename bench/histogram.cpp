#include "bench/histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace strata::bench {

namespace {

// Values below 2^9 have a bucket each; above, each power of two is cut into 2^8.
constexpr unsigned cut_bits = 8;
constexpr std::uint64_t cuts = 1U << cut_bits;
constexpr std::size_t bucket_count = (64 - cut_bits) * cuts + cuts;

}  // namespace

Histogram::Histogram() : buckets_(bucket_count) {}

std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value < cuts) {
    return value;
  }
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - cut_bits;
  return (shift + 1) * cuts + ((value >> shift) - cuts);
}

std::uint64_t Histogram::last_value_of(std::size_t bucket) {
  if (bucket < 2 * cuts) {
    return bucket;
  }
  const std::size_t shift = bucket / cuts - 1;
  return ((cuts + bucket % cuts) << shift) + ((std::uint64_t{1} << shift) - 1);
}

void Histogram::record(std::uint64_t value) {
  ++buckets_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::add(const Histogram& other) {
  std::transform(buckets_.begin(), buckets_.end(), other.buckets_.begin(), buckets_.begin(), std::plus<>());
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

void Histogram::clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  max_ = 0;
  sum_ = 0;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::highest_in(std::size_t bucket) const {
  return std::min(last_value_of(bucket), max_);
}

std::uint64_t Histogram::at(double quantile) const {
  const auto rank = std::max(1.0, std::ceil(quantile * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (static_cast<double>(seen) >= rank) {
      return highest_in(bucket);
    }
  }
  return max_;
}

double Histogram::deviation() const {
  double squares = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    const double distance = static_cast<double>(highest_in(bucket)) - mean();
    squares += static_cast<double>(buckets_[bucket]) * distance * distance;
  }
  return count_ == 0 ? 0 : std::sqrt(squares / static_cast<double>(count_));
}

std::string Histogram::hgrm(double unit) const {
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  std::uint64_t seen = 0;
  const auto total = static_cast<double>(count_);
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    if (buckets_[bucket] == 0) {
      continue;
    }
    seen += buckets_[bucket];
    const double share = static_cast<double>(seen) / total;
    const double value = static_cast<double>(highest_in(bucket)) / unit;
    const std::string tail = seen == count_ ? "inf" : fmt::format("{:.2f}", 1 / (1 - share));
    text += fmt::format("{:>12.3f} {:>14.12f} {:>10} {:>14}\n", value, share, seen, tail);
  }
  text += fmt::format("#[Mean    = {:>12.3f}, StdDeviation   = {:>12.3f}]\n", mean() / unit, deviation() / unit);
  text += fmt::format("#[Max     = {:>12.3f}, Total count    = {:>12}]\n", static_cast<double>(max_) / unit, count_);
  text += fmt::format("#[Buckets = {:>12}, SubBuckets     = {:>12}]\n", 64 - cut_bits, cuts);
  return text;
}

}  // namespace strata::bench
