// Counts how often the rare places of the code are reached in one world, and takes rare ways by seed
// (base/sometimes.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/sometimes.hpp"
#include "sim/random.hpp"
#include "sim/trace.hpp"

namespace strata::sim {

// How often each was reached or taken: the marks, then the rare ways.
using Reached = std::array<std::uint64_t, mark_count + rare_way_count>;

// The name at a place of Reached.
std::string_view reached_name(std::size_t place);

class Coverage final : public RareWatcher {
 public:
  explicit Coverage(Trace& trace) : trace_(trace) {}

  // From now on rare ways are taken, those and as often as the seed says; before, and after `calm_down`, none is.
  void take_rare_ways(std::uint64_t seed);
  void calm_down() { random_.reset(); }

  const Reached& counts() const { return reached_; }

  void reached(Mark mark) override { ++reached_[static_cast<std::size_t>(mark)]; }
  bool takes(RareWay way) override;

 private:
  Trace& trace_;
  Reached reached_{};
  std::optional<Random> random_;
  std::array<std::uint64_t, rare_way_count> permille_{};
};

// While it lives, what this thread runs is counted there.
class Watching {
 public:
  explicit Watching(Coverage& coverage) : before_(std::exchange(rare_watcher, &coverage)) {}
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching() { rare_watcher = before_; }

 private:
  RareWatcher* before_;
};

}  // namespace strata::sim
