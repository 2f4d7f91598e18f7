// Makes trouble in a world, as its plan says, until told to stop.
#pragma once

#include <functional>
#include <vector>

#include "sim/random.hpp"
#include "sim/world.hpp"

namespace strata::sim {

// How long a node is given to answer what waits when it is asked to stop.
inline constexpr Duration time_to_stop = std::chrono::seconds(2);

class Faults {
 public:
  explicit Faults(World& world);

  // Draws one fault after the other from now on.
  void start();
  // No more of them; the network is healed and well, and every node comes up.
  void stop();

 private:
  void schedule_next();
  void strike();
  void end(NodeId node, Ending ending);
  void end_many();
  void crash_in_write(NodeId node);
  void stop_cleanly(NodeId node);
  void partition(NodeId node);
  void cut_for_a_while(const std::vector<std::pair<NodeId, NodeId>>& ways);
  void clog();
  void slow_disk(NodeId node);
  void start_later(NodeId node);
  NodeId draw_node();
  NodeId draw_victim();
  Duration draw(Duration typical) { return random_.skewed(typical); }
  // Unless everything is over by then.
  void later(Duration delay, std::function<void()> what);

  World& world_;
  Random random_;
  bool running_ = false;
};

}  // namespace strata::sim
