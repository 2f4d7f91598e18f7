#include "actors/at_risk.hpp"

#include <algorithm>
#include <utility>

namespace strata::actors {

void AtRisk::applied(LogIndex index, std::size_t bytes, TimePoint now) {
  if (!runs_.empty() && index - runs_.back().begun < run_length_) {
    runs_.back().last = index;
    runs_.back().bytes += bytes;
    return;
  }
  if (runs_.size() == max_runs) {
    merge_pairs();
  }
  runs_.push_back({index, index, index, bytes, now});
}

void AtRisk::merge_pairs() {
  run_length_ *= 2;
  std::deque<Run> merged;
  for (std::size_t i = 0; i < runs_.size(); i += 2) {
    const Run& first = runs_[i];
    const Run& second = runs_[i + 1];
    merged.push_back({first.begun, first.first, second.last, first.bytes + second.bytes, first.since});
  }
  runs_ = std::move(merged);
}

void AtRisk::durable(LogIndex up_to) {
  while (!runs_.empty() && runs_.front().last <= up_to) {
    runs_.pop_front();
  }
  if (runs_.empty()) {
    run_length_ = 1;
  } else {
    runs_.front().first = std::max(runs_.front().first, up_to.next());
  }
}

AtRisk::Amount AtRisk::amount(TimePoint now) const {
  Amount amount;
  for (const Run& run : runs_) {
    amount.entries += run.last - run.first + 1;
    amount.bytes += run.bytes;
  }
  if (!runs_.empty()) {
    amount.age = now - runs_.front().since;
  }
  return amount;
}

}  // namespace strata::actors
