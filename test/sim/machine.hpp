// One simulated machine: a disk, a clock, four threads, and now and then a process on it, which is the production node
// from its data directory to its last actor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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

// How long a node is given to answer what waits when it is asked to stop.
inline constexpr Duration time_to_stop = std::chrono::seconds(2);

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
  const test::MemoryFiles& disk() const { return disk_; }

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
  // No file grows. A process that runs goes on; one that starts may be unable to.
  void fill_disk(Duration time);
  // The next call of that kind fails, and changes nothing: to write counts what makes, renames and removes files, to
  // sync the syncing of directories. Of those alone whose path holds `in`.
  void fail_next(test::FileOperation operation, std::string in = {}) {
    fails_next_ = operation;
    fails_in_ = std::move(in);
  }
  // The next sync fails, and the one after it says that all is well, though it is not.
  void forget_at_next_sync();
  // What a member of a cluster must survive. What a spoilt sync has done shows when the power is lost; it does nothing
  // unless the node must find it out then (sim/decay.hpp).
  void spoil_next_sync(test::Spoiling spoiling);
  // One bit, somewhere; it does nothing when there is nothing yet of which the node must find it out.
  void rot();
  // One bit of a record of this entry. Nothing runs.
  void rot_entry(LogIndex index, std::uint64_t byte);
  bool has_decayed() const { return disk_.has_decayed(); }
  // An empty one, with which its process is to rejoin, if it is told so.
  void replace_disk(bool rejoins = true);
  // As it was when this was called the last time before; false when it never was. A process that is turned away for it
  // is up no more, until the disk is replaced.
  bool bring_old_disk_back();
  // Each gets the other's disk: their processes refuse to start until that is done once more.
  void swap_disks(Machine& other);
  bool keeps_old_disk() const { return old_disk_ != nullptr; }
  // The start that was the last when it was put aside; of directory 0: there had been none.
  Start start_on_old_disk() const;
  bool was_turned_away() const { return was_turned_away_; }
  bool is_known_to_be_old() const { return was_turned_away_ && has_old_disk_; }
  bool has_old_disk() const { return has_old_disk_; }
  // Some more starts on its old disk that reach nobody, and it cannot be found out (docs/decisions/rejoin.md).
  bool is_hard_to_find_out() const { return has_old_disk_ && life_ - life_before_old_disk_ + 4 > max_nonces; }
  // Whether its process has refused to start, on a disk that is not what it was.
  bool refuses() const { return refuses_; }
  void step_clock(Duration by);
  // Whether a process has given its disk up since this was last asked.
  bool take_given_up() { return std::exchange(has_given_up_, false); }
  // No pause, no slowness and no lateness any more, and no crash that was only to come.
  void calm_down();

  // A client's request arrives. Lost when nothing runs.
  void request(wire::ClientRequest request);
  // What has waited for its answer for too long, if anything has.
  void check_answers();

 private:
  friend class Process;

  void disk_function_ended();
  void settle_spoilt();
  std::optional<Error> trouble_in(const test::FileCall& call);
  bool disk_may_fail() const { return disk_is_full_ || call_has_failed_; }
  bool is_alone_with_decay() const { return has_decayed() && surroundings_.plan.nodes == 1; }
  void set_disk_time(ServiceTime disk_time);
  void set_loop_time(ServiceTime loop_time);
  // Nothing of what it promises by time is demanded before then.
  void disturb_until(TimePoint when);
  void give_machine_up(const std::string& why);
  void take_disk(const test::MemoryFiles& disk);
  void turn_away(const std::string& why);
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
  std::uint64_t boot_ = 1;  // of its kernel
  std::unique_ptr<Process> process_;
  std::optional<std::uint64_t> ends_at_call_;
  Ending ends_by_ = Ending::process_killed;
  Duration lateness_{};  // of all alarms
  bool disk_is_full_ = false;
  std::optional<test::FileOperation> fails_next_;
  std::string fails_in_;
  bool call_has_failed_ = false;  // in this life
  bool gives_up_ = false;
  bool has_given_up_ = false;
  bool is_empty_or_old_ = false;  // the disk, so that the others may turn its process away
  bool rejoins_ = false;
  bool was_turned_away_ = false;
  bool has_old_disk_ = false;
  std::uint64_t life_before_old_disk_ = 0;
  bool has_others_disk_ = false;
  bool may_be_spoilt_ = false;
  bool refuses_ = false;
  std::unique_ptr<test::MemoryFiles> old_disk_;
  TimePoint undisturbed_since_;  // no pause since then
  // Of those that last, only the newest of a kind ends it.
  std::uint64_t slow_disk_phase_ = 0;
  std::uint64_t full_disk_phase_ = 0;
  std::uint64_t slow_cpu_phase_ = 0;
  std::uint64_t late_phase_ = 0;
};

}  // namespace strata::sim
