// The trouble that clients make.
#include "sim/faults.hpp"

namespace strata::sim {

void Faults::burst() {
  const std::uint64_t requests = 1 + random_.below(40);
  for (std::size_t number = 0; number < world_.clients(); ++number) {
    world_.client(number).burst(requests);
  }
}

void Faults::hot_key() {
  ask_for_one_key(true);
  later(draw_time(), [this] { ask_for_one_key(false); });
}

void Faults::ask_for_one_key(bool one) {
  for (std::size_t number = 0; number < world_.clients(); ++number) {
    world_.client(number).ask_for_one_key(one);
  }
}

void Faults::reconnect_all() {
  const NodeId node = draw_victim();
  for (std::size_t number = 0; number < world_.clients(); ++number) {
    world_.client(number).reconnect(node);
  }
}

void Faults::calm_load() {
  ask_for_one_key(false);
}

}  // namespace strata::sim
