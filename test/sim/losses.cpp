#include "sim/losses.hpp"

#include <algorithm>

namespace strata::sim {

std::size_t Losses::losers(EntryId entry) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(taken_, [&](const auto& taken) { return taken.contains({entry.index, entry.term}); }));
}

}  // namespace strata::sim
