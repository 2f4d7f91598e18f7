// What this node has applied and does not know to be durable: at `--ack written`, what would be lost if every node
// that holds it lost power now. For STATUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace strata::actors {

// Never tells less than there is. Up to max_runs entries it is exact; of more than that bytes and age are told of
// stretches, so that a long --fsync-interval costs no memory, and are too high by one stretch at most.
class AtRisk {
 public:
  struct Amount {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    Duration age{};  // of the oldest of them: since it was applied
  };

  // In order of their indexes, each above what is durable.
  void applied(LogIndex index, std::size_t bytes, TimePoint now);
  void durable(LogIndex up_to);
  Amount amount(TimePoint now) const;

  static constexpr std::size_t max_runs = 4096;  // even

 private:
  struct Run {
    LogIndex begun;  // its first entry, durable or not
    LogIndex first;  // that is at risk
    LogIndex last;
    std::uint64_t bytes = 0;
    TimePoint since;
  };

  void merge_pairs();

  std::deque<Run> runs_;
  std::uint64_t run_length_ = 1;  // how many entries a new run takes
};

}  // namespace strata::actors
