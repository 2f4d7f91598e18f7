// Every kind of fault by name. A plan says of each how often it happens; the command line may pick some of them.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace strata::sim {

enum class Fault : std::uint8_t {
  // The network, all the time.
  drop,
  duplicate,
  delay,
  reorder,
  replay,
  old_life,
  damage,
  high_water,
  client_drop,
  // The network, now and then.
  clog,
  swizzle_clog,
  flap,
  dead_link,
  isolate,
  mute,
  deaf,
  pair,
  halves,
  bridge,
  ring,
  quorum_loss,
  constrained,
  chained,
  // The process.
  kill,
  crash_in_call,
  clean_stop,
  rolling_stop,
  restart_storm,
  pause,
  slow_cpu,
  // The machine and its disk.
  power_loss,
  wide_power_loss,
  garbled_sectors,
  short_write,
  slow_disk,
  hung_disk,
  full_disk,
  failing_write,
  failing_sync,
  failing_read,
  forgetting_sync,
  lost_write,
  misdirected_write,
  bit_rot,
  replaced_disk,
  old_disk,
  // The clock.
  drift,
  clock_step,
  late_ticks,
  // The load.
  burst,
  hot_key,
  reconnect_storm,
  count_  // of the kinds
};

inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(Fault::count_);

struct FaultKind {
  Fault fault;
  std::string_view name;
  std::string_view what;
};

// In the order of the enumeration.
std::span<const FaultKind, fault_kinds> all_faults();
std::optional<Fault> fault_named(std::string_view name);

class FaultSet {
 public:
  static FaultSet all();
  void add(Fault fault) { faults_.set(static_cast<std::size_t>(fault)); }
  bool contains(Fault fault) const { return faults_.test(static_cast<std::size_t>(fault)); }
  bool operator==(const FaultSet&) const = default;

 private:
  std::bitset<fault_kinds> faults_;
};

// What the command line says of them.
struct FaultChoice {
  std::optional<FaultSet> only;  // in every seed these, and no others
  FaultSet with;                 // in every seed these too
  FaultSet without;              // in no seed these
};

// A number for each kind: 0 for one that never happens; of those that strike now and then, how often each does compared
// with the others.
class FaultWeights {
 public:
  std::uint64_t& operator[](Fault fault) { return weights_[static_cast<std::size_t>(fault)]; }
  std::uint64_t operator[](Fault fault) const { return weights_[static_cast<std::size_t>(fault)]; }
  bool any() const;

 private:
  std::array<std::uint64_t, fault_kinds> weights_{};
};

}  // namespace strata::sim
