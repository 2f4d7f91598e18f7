// Keeps what a cluster acknowledged and tells whether what is read at the end bears it out.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bench/workload.hpp"
#include "strata/client.hpp"

namespace strata::bench {

// One thread uses it at a time.
class Verifier {
 public:
  enum class Verdict {
    good,   // the newest acknowledged write, or a newer one whose outcome never became known
    lost,   // an older state than was acknowledged
    wrong,  // that revision with other bytes, or a newer one that nobody wrote
  };

  explicit Verifier(std::uint64_t key_space) : newest_(key_space) {}

  void acknowledged(const Operation& write, std::uint64_t revision);
  // The write may have happened, and may yet happen.
  void unknown(const Operation& write);

  // The keys with an acknowledged write, in order.
  std::vector<std::uint64_t> keys() const;
  Verdict judge(const Workload& workload, std::uint64_t key, const std::optional<client::Found>& read) const;

 private:
  struct Newest {
    std::uint64_t revision = 0;  // 0: none
    std::uint64_t number = 0;
  };

  std::vector<Newest> newest_;
  std::unordered_multimap<std::uint64_t, std::uint64_t> unknown_;  // key, number
};

}  // namespace strata::bench
