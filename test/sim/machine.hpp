// One simulated machine: a disk, a clock, four threads, and now and then a process on it, which is the production node
// from its data directory to its last actor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "actors/node_actors.hpp"
#include "base/ids.hpp"
#include "sim/clock.hpp"
#include "sim/executor.hpp"
#include "sim/invariants.hpp"
#include "sim/network.hpp"
#include "sim/oracles.hpp"
#include "sim/plan.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"
#include "support/memory_files.hpp"

namespace strata::sim {

class Process;

// What the machines of one world share. All of it outlives them.
struct Surroundings {
  const Plan& plan;
  Scheduler& scheduler;
  Trace& trace;
  Network& network;
  Oracles& oracles;
  std::function<void(const wire::ClientReply&)> reply;  // a process has answered a client
  Violated violated;                                    // something that must hold does not
};

enum class Ending { process_killed, power_lost };

class Machine {
 public:
  Machine(NodeId id, Surroundings& surroundings);
  ~Machine();

  NodeId id() const { return id_; }
  bool is_up() const { return process_ != nullptr; }
  bool is_stopping() const;
  // Processes that were started on it.
  std::uint64_t life() const { return life_; }
  // Of the running process.
  const actors::NodeActors& actors() const;
  bool leads() const;
  bool leads_and_serves() const;

  // Opens the data directory and starts the actors. When the process was told to crash meanwhile, it is down again.
  void start();
  // Without any warning. Fine when nothing runs: then only the power may be lost.
  void end(Ending ending);
  // At the call to the disk that comes after `calls` others, if there are as many; what follows it has no effect.
  void end_in_disk_call(std::uint64_t calls, Ending ending);
  // SIGTERM: takes its time, then the process is gone.
  void stop(Duration patience);

  // What takes its time takes until then:
  void pause(Duration time);
  // Every function of the process takes something around `typical`.
  void slow_down(Duration time, Duration typical);
  // All alarms ring so much later.
  void ring_late(Duration time, Duration lateness);
  void slow_disk(Duration time, ServiceTime disk_time);
  // No pause, no slowness and no lateness any more, and no crash that was only to come.
  void calm_down();

  // A client's request arrives. Lost when nothing runs.
  void request(wire::ClientRequest request);
  // What has waited for its answer for too long, if anything has.
  void check_answers();

 private:
  friend class Process;

  void disk_function_ended();
  void set_disk_time(ServiceTime disk_time);
  void set_loop_time(ServiceTime loop_time);
  // Nothing of what it promises by time is demanded before then.
  void disturb_until(TimePoint when);
  void give_machine_up(const std::string& why);
  void process_stopped(std::uint64_t life);
  boost::asio::awaitable<void> stop_process(Duration patience);
  void fail(Invariant invariant, const std::string& what);

  NodeId id_;
  Surroundings& surroundings_;
  Random node_random_;
  Random disk_random_;
  test::MemoryFiles disk_;
  SimThread loop_;
  SimThread wal_;
  SimThread fsync_;
  SimThread allocator_;
  SimThread snapshots_;
  ClockError clock_error_;
  std::uint64_t life_ = 0;
  std::unique_ptr<Process> process_;
  std::optional<std::uint64_t> ends_at_call_;
  Ending ends_by_ = Ending::process_killed;
  Duration lateness_{};          // of all alarms
  TimePoint undisturbed_since_;  // no pause since then
  // Of those that last, only the newest of a kind ends it.
  std::uint64_t slow_disk_phase_ = 0;
  std::uint64_t slow_cpu_phase_ = 0;
  std::uint64_t late_phase_ = 0;
};

}  // namespace strata::sim
