#include "sim/coverage.hpp"

namespace strata::sim {

std::string_view reached_name(std::size_t place) {
  return place < mark_count ? mark_names[place] : rare_way_names[place - mark_count];
}

// Each way in one of four seeds: combinations of few find what the mixture of all of them hides.
void Coverage::take_rare_ways(std::uint64_t seed) {
  Random random(seed, Purpose::rare_ways);
  for (std::uint64_t& permille : permille_) {
    const bool taken = random.chance(250);
    const std::uint64_t drawn = 1 + random.below(100);
    permille = taken ? drawn : 0;
  }
  random_ = random;
}

bool Coverage::takes(RareWay way) {
  const auto number = static_cast<std::size_t>(way);
  if (!random_ || permille_[number] == 0 || !random_->chance(permille_[number])) {
    return false;
  }
  ++reached_[mark_count + number];
  trace_.event(NodeId(), "rare way {} is taken", number);
  return true;
}

}  // namespace strata::sim
