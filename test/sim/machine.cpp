#include "sim/machine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "sim/disk_image.hpp"
#include "sim/process.hpp"

namespace strata::sim {

namespace {

enum ThreadNumber : std::uint64_t {
  loop_thread,
  wal_thread,
  fsync_thread,
  allocator_thread,
  snapshot_thread,
  threads_of_a_machine
};

Random latency_of(std::uint64_t seed, NodeId node, ThreadNumber thread) {
  return Random(seed, Purpose::latency, node.value * threads_of_a_machine + thread);
}

ClockError draw_clock(Random& random, const Plan& plan) {
  ClockError error;
  error.ahead = random.between(Duration::zero(), Duration(std::chrono::hours(1)));
  error.fast_by_ppm = random.between(-plan.clock_drift_ppm, plan.clock_drift_ppm);
  return error;
}

// Nothing, everything, or each for itself.
test::Chooser draw_survivors(Random& random) {
  switch (random.below(4)) {
    case 0:
      return test::keep_nothing();
    case 1:
      return test::keep_everything();
    default:
      return test::choose_by_seed(random.next());
  }
}

}  // namespace

Machine::Machine(NodeId id, Surroundings& surroundings)
    : id_(id),
      surroundings_(surroundings),
      node_random_(surroundings.plan.seed, Purpose::node, id.value),
      disk_random_(surroundings.plan.seed, Purpose::disk, id.value),
      loop_(surroundings.scheduler, latency_of(surroundings.plan.seed, id, loop_thread)),
      wal_(surroundings.scheduler, latency_of(surroundings.plan.seed, id, wal_thread)),
      fsync_(surroundings.scheduler, latency_of(surroundings.plan.seed, id, fsync_thread)),
      allocator_(surroundings.scheduler, latency_of(surroundings.plan.seed, id, allocator_thread)),
      snapshots_(surroundings.scheduler, latency_of(surroundings.plan.seed, id, snapshot_thread)),
      clock_error_(draw_clock(disk_random_, surroundings.plan)) {
  surroundings_.oracles.set_disk(id_, disk_);
  set_loop_time(surroundings_.plan.loop_time);
  set_disk_time(surroundings_.plan.disk_time);
  loop_.set_after_each([this] {
    if (process_) {
      surroundings_.oracles.stepped(id_, process_->actors());
    }
  });
  for (SimThread* thread : {&wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->set_after_each([this] { disk_function_ended(); });
  }
  if (surroundings_.plan.short_write > 0) {
    disk_.set_most_written(surroundings_.plan.short_write);
  }
  disk_.spare(run_directory);
  disk_.set_fault([this](const test::FileCall& call) {
    surroundings_.trace.event(id_, "disk call {}, offset {}, size {}", static_cast<int>(call.operation), call.offset,
                              call.size);
    return trouble_in(call);
  });
}

Machine::~Machine() {
  end(Ending::process_killed);
}

void Machine::set_loop_time(ServiceTime loop_time) {
  loop_.set_service_time(loop_time);
}

void Machine::set_disk_time(ServiceTime disk_time) {
  for (SimThread* thread : {&wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->set_service_time(disk_time);
  }
}

void Machine::fail(Invariant invariant, const std::string& what) {
  surroundings_.violated(invariant, fmt::format("node {} {}", id_, what));
}

const actors::NodeActors& Machine::actors() const {
  return process_->actors();
}

bool Machine::is_stopping() const {
  return is_up() && (process_->stopping() || gives_up_);
}

bool Machine::leads() const {
  return is_up() && actors().core().role() == raft::Role::leader;
}

bool Machine::leads_and_serves() const {
  return leads() && actors().core().commit_index() >= actors().core().leading()->term_start;
}

void Machine::start() {
  STRATA_ASSERT(!is_up());
  for (SimThread* thread : {&loop_, &wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->resume();
  }
  ++life_;
  call_has_failed_ = false;
  gives_up_ = false;
  refuses_ = false;
  if (!has_old_disk_ && !has_others_disk_ && is_admitted(disk_)) {
    is_empty_or_old_ = false;  // from now on nobody may turn it away
  }
  disturb_until(surroundings_.scheduler.now());
  process_ = std::make_unique<Process>(*this);
  const Result<void> started = process_->start();
  if (started && has_others_disk_) {
    fail(Invariant::starts_and_stops, "starts on the disk of another");
    end(Ending::process_killed);
  } else if (started) {
    surroundings_.trace.event(id_, "starts, life {}", life_);
  } else if (ends_at_call_ && disk_.calls() >= *ends_at_call_) {
    end(ends_by_);
  } else if (disk_may_fail() || is_alone_with_decay() || has_others_disk_ || is_known_to_be_old()) {
    surroundings_.trace.text(id_, started.error().text);
    refuses_ = is_alone_with_decay() || has_others_disk_ || is_known_to_be_old();
    end(Ending::process_killed);
  } else {
    fail(Invariant::starts_and_stops, "cannot start: " + started.error().text);
    end(Ending::process_killed);
  }
}

void Machine::end(Ending ending) {
  for (SimThread* thread : {&loop_, &wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->halt();
  }
  if (is_up()) {
    surroundings_.network.disconnect(id_);
    process_->kill();
    process_.reset();
  }
  ends_at_call_.reset();
  if (ending == Ending::process_killed) {
    surroundings_.trace.event(id_, "is killed");
    disk_.kill_process();
  } else {
    surroundings_.trace.event(id_, "loses power, {} things are not synced", disk_.undecided());
    ++boot_;
    if (surroundings_.plan.ack == Durability::written) {
      surroundings_.oracles.loses_power_at_written(id_);
    }
    settle_spoilt();
    disk_.lose_power(draw_survivors(disk_random_), surroundings_.plan.faults[Fault::garbled_sectors] > 0);
    clock_error_ = draw_clock(disk_random_, surroundings_.plan);
  }
}

void Machine::end_in_disk_call(std::uint64_t calls, Ending ending) {
  ends_at_call_ = disk_.calls() + calls;
  ends_by_ = ending;
  disk_.stop_at(*ends_at_call_);
}

void Machine::disk_function_ended() {
  if (ends_at_call_ && disk_.calls() >= *ends_at_call_) {
    end(ends_by_);
  }
}

boost::asio::awaitable<void> Machine::stop_process(Duration patience) {
  co_await process_->actors().stop(patience);
}

void Machine::stop(Duration patience) {
  if (!is_up() || process_->stopping()) {
    return;
  }
  process_->set_stopping();
  surroundings_.trace.event(id_, "is asked to stop");
  // As the program does: a disk that hangs is left behind.
  surroundings_.scheduler.after(2 * patience, [this, life = life_] {
    if (life == life_ && is_up()) {
      end(Ending::process_killed);
    }
  });
  boost::asio::any_io_executor executor = loop_.executor();
  boost::asio::co_spawn(executor, stop_process(patience), [this, life = life_](const std::exception_ptr& exception) {
    STRATA_ASSERT(!exception);
    surroundings_.scheduler.after(Duration::zero(), [this, life] { process_stopped(life); });
  });
}

void Machine::process_stopped(std::uint64_t life) {
  if (life != life_ || !is_up()) {
    return;
  }
  surroundings_.trace.event(id_, "has stopped");
  if (process_->unanswered() > 0) {
    fail(Invariant::one_reply,
         fmt::format("has stopped and left {} requests without an answer", process_->unanswered()));
  }
  surroundings_.network.disconnect(id_);
  process_.reset();
  end(Ending::process_killed);
}

void Machine::disturb_until(TimePoint when) {
  undisturbed_since_ = std::max(undisturbed_since_, when);
}

void Machine::pause(Duration time) {
  surroundings_.trace.event(id_, "is paused for {} ns", time.count());
  const TimePoint until = surroundings_.scheduler.now() + time;
  disturb_until(until);
  for (SimThread* thread : {&loop_, &wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->pause_until(until);
  }
}

void Machine::slow_down(Duration time, Duration typical) {
  surroundings_.trace.event(id_, "takes {} ns for each function for {} ns", typical.count(), time.count());
  // What waits when it is over, and the last slow function, still take a moment.
  disturb_until(surroundings_.scheduler.now() + time + 256 * typical);
  set_loop_time({Duration::zero(), typical});
  surroundings_.scheduler.after(time, [this, phase = ++slow_cpu_phase_] {
    if (phase == slow_cpu_phase_) {
      set_loop_time(surroundings_.plan.loop_time);
    }
  });
}

void Machine::ring_late(Duration time, Duration lateness) {
  surroundings_.trace.event(id_, "its alarms ring {} ns late for {} ns", lateness.count(), time.count());
  disturb_until(surroundings_.scheduler.now() + time + lateness);
  lateness_ = lateness;
  surroundings_.scheduler.after(time, [this, phase = ++late_phase_] {
    if (phase == late_phase_) {
      lateness_ = Duration::zero();
    }
  });
}

void Machine::step_clock(Duration by) {
  surroundings_.trace.event(id_, "its clock leaps by {} ns", by.count());
  clock_error_.ahead += by;
  if (is_up()) {
    process_->step_clocks(by);
  }
}

void Machine::calm_down() {
  ++full_disk_phase_;
  disk_is_full_ = false;
  disk_.set_full(false);
  fails_next_.reset();
  ++slow_disk_phase_;
  ++slow_cpu_phase_;
  ++late_phase_;
  lateness_ = Duration::zero();
  set_loop_time(surroundings_.plan.loop_time);
  ServiceTime disk_time = surroundings_.plan.disk_time;
  disk_time.typical = std::min<Duration>(disk_time.typical, std::chrono::milliseconds(1));
  set_disk_time(disk_time);
  for (SimThread* thread : {&loop_, &wal_, &fsync_, &allocator_, &snapshots_}) {
    thread->hurry();
  }
  undisturbed_since_ = std::min(undisturbed_since_, surroundings_.scheduler.now());
  if (ends_at_call_) {
    end(ends_by_);
  }
}

void Machine::request(wire::ClientRequest request) {
  if (is_up()) {
    process_->request(std::move(request));
  }
}

void Machine::check_answers() {
  if (!is_up() || !process_->oldest_unanswered()) {
    return;
  }
  // The process measures by its own clock, and it looks now and then only.
  constexpr Duration longest = actors::FrontEndOptions().request_timeout * 5 / 4 + std::chrono::milliseconds(500);
  const TimePoint since = std::max(*process_->oldest_unanswered(), undisturbed_since_);
  if (surroundings_.scheduler.now() - since > longest) {
    fail(Invariant::reply_in_time, "has not answered a request within the time that it promises");
  }
}

}  // namespace strata::sim
