// What a load consists of: which keys, in which order, with which values. The same options give the same operations.
#pragma once

#include <cstdint>
#include <string>

namespace strata::bench {

enum class Distribution { uniform, zipf, sequential };

struct WorkloadOptions {
  std::uint64_t key_space = 100'000;
  std::size_t key_size = 16;
  std::size_t value_size = 100;
  Distribution distribution = Distribution::uniform;
  double read_ratio = 0;
  std::uint64_t seed = 1;
};

struct Operation {
  std::uint64_t number = 0;  // 1, 2, …: its write is told from all others by it
  std::uint64_t key = 0;     // below key_space
  bool read = false;
};

// How many digits the largest key of such a space has.
std::size_t digits_needed(std::uint64_t key_space);

// One thread uses it.
class Workload {
 public:
  // key_size must be greater than digits_needed(key_space).
  explicit Workload(const WorkloadOptions& options);

  Operation next();
  std::string key(std::uint64_t index) const;
  // The value that the write of that number stores: no two alike when there are 16 bytes or more.
  std::string value(std::uint64_t number) const;

 private:
  std::uint64_t random();
  double random_fraction();
  std::uint64_t next_key();
  std::uint64_t zipf();

  const WorkloadOptions options_;
  std::string filler_;
  std::uint64_t state_;
  std::uint64_t operations_ = 0;
  std::uint64_t writes_in_sequence_ = 0;
  double zeta_ = 0;
};

}  // namespace strata::bench
