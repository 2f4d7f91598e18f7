#include "bench/workload.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace strata::bench {

namespace {

// As YCSB has it: "Quickly Generating Billion-Record Synthetic Databases", Gray et al.
constexpr double zipf_exponent = 0.99;

double zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    sum += std::pow(static_cast<double>(i), -zipf_exponent);
  }
  return sum;
}

// SplitMix64's output function; also spreads the popular keys of zipf over the space.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

std::size_t digits_needed(std::uint64_t key_space) {
  return std::to_string(key_space - 1).size();
}

Workload::Workload(const WorkloadOptions& options) : options_(options), state_(options.seed) {
  STRATA_ASSERT(options.key_space > 0 && options.key_size > digits_needed(options.key_space));
  for (std::size_t i = 0; i < options.value_size; ++i) {
    filler_.push_back(static_cast<char>('a' + random() % 26));
  }
  if (options.distribution == Distribution::zipf) {
    zeta_ = zeta(options.key_space);
  }
}

std::uint64_t Workload::random() {
  return mixed(state_ += 0x9e3779b97f4a7c15);
}

double Workload::random_fraction() {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

std::uint64_t Workload::zipf() {
  const auto count = static_cast<double>(options_.key_space);
  const double scaled = random_fraction() * zeta_;
  if (scaled < 1) {
    return 0;
  }
  if (scaled < 1 + std::pow(0.5, zipf_exponent)) {
    return 1 % options_.key_space;
  }
  const double alpha = 1 / (1 - zipf_exponent);
  const double zeta_of_two = 1 + std::pow(0.5, zipf_exponent);
  const double eta = (1 - std::pow(2 / count, 1 - zipf_exponent)) / (1 - zeta_of_two / zeta_);
  const double rank = count * std::pow(eta * scaled / zeta_ - eta + 1, alpha);
  return std::min(static_cast<std::uint64_t>(rank), options_.key_space - 1);
}

std::uint64_t Workload::next_key() {
  switch (options_.distribution) {
    case Distribution::uniform:
      return random() % options_.key_space;
    case Distribution::zipf:
      return mixed(zipf()) % options_.key_space;
    case Distribution::sequential:
      return writes_in_sequence_++ % options_.key_space;
  }
  STRATA_ASSERT(false);
}

Operation Workload::next() {
  Operation operation;
  operation.number = ++operations_;
  operation.read = options_.read_ratio > 0 && random_fraction() < options_.read_ratio;
  operation.key = next_key();
  return operation;
}

std::string Workload::key(std::uint64_t index) const {
  std::string key(options_.key_size, '0');
  key[0] = 'k';
  for (std::size_t i = key.size(); index > 0; index /= 10) {
    key[--i] = static_cast<char>('0' + index % 10);
  }
  return key;
}

std::string Workload::value(std::uint64_t number) const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string value = filler_;
  for (std::size_t i = std::min<std::size_t>(16, value.size()); i > 0; number >>= 4) {
    value[--i] = digits[number & 15];
  }
  return value;
}

}  // namespace strata::bench
