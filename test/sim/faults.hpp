// Makes trouble in a world, as its plan says, until told to stop.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "sim/fault_kinds.hpp"
#include "sim/partition.hpp"
#include "sim/random.hpp"
#include "sim/world.hpp"

namespace strata::sim {

class Faults {
 public:
  explicit Faults(World& world);

  // Draws one fault after the other from now on.
  void start();
  // No more of them: the core (World::core) is chosen, healed, well and told to start. Who does not belong to it is
  // down or cut off for ever.
  void stop();

  // One fault of a kind that strikes now and then, at once. For tests of that kind.
  void strike(Fault fault);

 private:
  using Strike = void (Faults::*)();
  static constexpr std::size_t place(Fault fault) { return static_cast<std::size_t>(fault); }
  // What each kind does when it strikes; none for those that last all the time.
  static const std::array<Strike, fault_kinds>& strikes();

  void schedule_next();
  void watch_elections();
  void strike_some();
  void strike_any();
  void choose_core();
  void leave_away(const std::vector<NodeId>& away);
  void calm_load();

  // The network.
  void clog();
  void swizzle_clog();
  void clog_all_ways(NodeId node, TimePoint from, TimePoint until);
  void flap();
  void break_again(NodeId one, NodeId other, std::uint64_t times);
  void kill_connection();
  template <Shape shape>
  void partition();
  void cut_for_a_while(const Ways& ways);

  // Processes and machines.
  void kill();
  void lose_power();
  void lose_much_power();
  void crash_in_call();
  void stop_cleanly();
  void roll();
  void roll_on(std::vector<NodeId> left);
  void roll_back_up(NodeId node, std::vector<NodeId> left);
  void storm();
  void kill_again(NodeId node, std::uint64_t times);
  void pause();
  void slow_cpu();
  void slow_disk();
  void hang_disk();
  void fill_disk();
  template <test::FileOperation operation>
  void fail_call();
  void forget_at_sync();
  template <test::Spoiling spoiling>
  void spoil_sync();
  void rot();
  std::optional<NodeId> draw_decaying();
  void replace_disk();
  void bring_old_disk_back();
  void replace_old_disk_later(NodeId node);
  void start_given_up();
  void ring_late();
  void step_clock();
  void end(NodeId node, Ending ending);
  void start_later(NodeId node);

  // The load.
  void burst();
  void hot_key();
  void ask_for_one_key(bool one);
  void reconnect_all();

  NodeId draw_node();
  // Trouble is worst where the leader is.
  NodeId draw_victim();
  std::vector<NodeId> draw_order();
  // From 1 ms on.
  Duration draw_time();
  Duration draw(Duration typical) { return random_.skewed(typical); }
  // Unless everything is over by then.
  void later(Duration delay, std::function<void()> what);

  World& world_;
  Random random_;
  bool running_ = false;
  std::optional<std::vector<NodeId>> decaying_;  // nodes whose disks may decay; drawn when the first does
  bool looks_for_given_up_ = false;
  std::size_t elections_ = 0;  // seen
};

}  // namespace strata::sim
