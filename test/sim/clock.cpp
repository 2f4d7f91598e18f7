#include "sim/clock.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace strata::sim {

namespace {

constexpr std::int64_t million = 1'000'000;

// One wake-up is under way at most, but for those that came too late to be of use: an alarm that is put off again and
// again costs nothing.
class Ringer : public std::enable_shared_from_this<Ringer> {
 public:
  Ringer(Scheduler& scheduler, SimThread& thread, const Duration& lateness, std::function<void()> ring)
      : scheduler_(scheduler), thread_(thread), lateness_(lateness), ring_(std::move(ring)) {}

  void set(TimePoint due) {
    due_ = due;
    ++setting_;
    if (!wake_at_ || due < *wake_at_) {
      schedule(due);  // lateness is looked at then
    }
  }
  void cancel() {
    due_.reset();
    ++setting_;
  }

 private:
  void schedule(TimePoint when) {
    wake_at_ = when;
    scheduler_.at(when, [self = shared_from_this(), wake = ++last_wake_] { self->wake(wake); });
  }
  void wake(std::uint64_t wake) {
    if (wake != last_wake_) {
      return;
    }
    wake_at_.reset();
    if (!due_) {
      return;
    }
    if (const TimePoint late = *due_ + lateness_; late > scheduler_.now()) {
      schedule(late);
      return;
    }
    due_.reset();
    thread_.execute([self = shared_from_this(), setting = setting_] {
      if (setting == self->setting_) {
        self->ring_();
      }
    });
  }

  Scheduler& scheduler_;
  SimThread& thread_;
  const Duration& lateness_;  // an alarm is destroyed with its process, before it
  std::function<void()> ring_;
  std::optional<TimePoint> due_;
  std::optional<TimePoint> wake_at_;
  std::uint64_t last_wake_ = 0;
  std::uint64_t setting_ = 0;  // what was set or cancelled since must not ring
};

class SimAlarm final : public actors::Alarm {
 public:
  SimAlarm(const SimClock& clock, std::shared_ptr<Ringer> ringer) : clock_(clock), ringer_(std::move(ringer)) {}
  SimAlarm(const SimAlarm&) = delete;
  SimAlarm& operator=(const SimAlarm&) = delete;
  ~SimAlarm() override { ringer_->cancel(); }

  void set(TimePoint when) override { ringer_->set(clock_.virtual_time_of(when)); }
  void cancel() override { ringer_->cancel(); }

 private:
  const SimClock& clock_;
  std::shared_ptr<Ringer> ringer_;
};

}  // namespace

SimClock::SimClock(Scheduler& scheduler, SimThread& thread, ClockError error, const Duration& lateness)
    : scheduler_(scheduler), thread_(thread), error_(error), lateness_(lateness) {}

// Never goes back, whatever the error: it falls behind by less than a nanosecond a nanosecond.
static TimePoint local_time(ClockError error, Duration elapsed) {
  return TimePoint(error.ahead + elapsed + elapsed * error.fast_by_ppm / million);
}

TimePoint SimClock::now() const {
  return local_time(error_, scheduler_.now().time_since_epoch());
}

TimePoint SimClock::virtual_time_of(TimePoint local) const {
  const Duration shown = local.time_since_epoch() - error_.ahead;
  const std::int64_t speed = million + error_.fast_by_ppm;
  constexpr Duration rounding(4);
  Duration elapsed = shown / speed * million + shown % speed * million / speed - rounding;  // a little too early
  while (local_time(error_, elapsed) < local) {
    ++elapsed;
  }
  return TimePoint(elapsed);
}

std::unique_ptr<actors::Alarm> SimClock::make_alarm(std::function<void()> ring) {
  return std::make_unique<SimAlarm>(*this, std::make_shared<Ringer>(scheduler_, thread_, lateness_, std::move(ring)));
}

}  // namespace strata::sim
