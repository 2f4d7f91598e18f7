#include "sim/linearizability.hpp"

#include <algorithm>
#include <map>

namespace strata::sim {

namespace {

// All operations on one value. The value is held from the first completion to the last invocation at least (when that
// is later: a forward zone); otherwise all of it may have happened at one moment between the two (a backward zone).
struct Zone {
  bool written = false;
  bool read = false;
  TimePoint write_invoked = TimePoint::min();
  TimePoint first_completed = TimePoint::max();
  TimePoint last_invoked = TimePoint::min();
  TimePoint first_read_completed = TimePoint::max();

  void add(const RegisterOperation& operation) {
    first_completed = std::min(first_completed, operation.completed);
    last_invoked = std::max(last_invoked, operation.invoked);
    if (operation.write) {
      written = true;
      write_invoked = operation.invoked;
    } else {
      read = true;
      first_read_completed = std::min(first_read_completed, operation.completed);
    }
  }
  bool forward() const { return first_completed < last_invoked; }
  // It never took effect, as far as anybody can tell.
  bool without_effect() const { return !read && first_completed == TimePoint::max(); }
};

std::map<std::uint64_t, Zone> zones_of(const std::vector<RegisterOperation>& history) {
  std::map<std::uint64_t, Zone> zones;
  Zone& initial = zones[0];
  initial.written = true;
  initial.first_completed = TimePoint::min();
  for (const RegisterOperation& operation : history) {
    zones[operation.value].add(operation);
  }
  return zones;
}

}  // namespace

bool is_linearizable(const std::vector<RegisterOperation>& history) {
  std::vector<Zone> forward;
  std::vector<Zone> backward;
  for (const auto& [value, zone] : zones_of(history)) {
    if (!zone.written || zone.first_read_completed < zone.write_invoked) {
      return false;  // read, but never written, or not yet
    }
    if (!zone.without_effect()) {
      (zone.forward() ? forward : backward).push_back(zone);
    }
  }
  std::ranges::sort(forward, {}, &Zone::first_completed);
  for (std::size_t next = 1; next < forward.size(); ++next) {
    if (forward[next].first_completed < forward[next - 1].last_invoked) {
      return false;  // two values would be held at once
    }
  }
  return std::ranges::none_of(backward, [&](const Zone& zone) {
    const auto behind = std::ranges::lower_bound(forward, zone.last_invoked, {}, &Zone::first_completed);
    return behind != forward.begin() && zone.first_completed < std::prev(behind)->last_invoked;
  });
}

}  // namespace strata::sim
