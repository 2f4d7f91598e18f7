// The port Clock on virtual time. Each node's clock has its own zero and its own speed, and its alarms may ring late.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "actors/ports.hpp"
#include "sim/executor.hpp"
#include "sim/scheduler.hpp"

namespace strata::sim {

// What a machine's clock makes of virtual time.
struct ClockError {
  Duration ahead{};              // at virtual time 0
  std::int64_t fast_by_ppm = 0;  // in millionths; below zero: slow
};

class Ringer;

class SimClock final : public actors::Clock {
 public:
  // Rings on `thread`; `lateness` after the time that an alarm is set to, whatever that is when it rings. It outlives
  // the clock.
  SimClock(Scheduler& scheduler, SimThread& thread, ClockError error, const Duration& lateness);

  TimePoint now() const override;
  std::unique_ptr<actors::Alarm> make_alarm(std::function<void()> ring) override;

  // Leaps ahead: what is due by then rings at once.
  void step(Duration by);

  // The first virtual time at which now() is at least `local`.
  TimePoint virtual_time_of(TimePoint local) const;

 private:
  Scheduler& scheduler_;
  SimThread& thread_;
  ClockError error_;
  const Duration& lateness_;
  std::vector<std::weak_ptr<Ringer>> ringers_;
};

}  // namespace strata::sim
