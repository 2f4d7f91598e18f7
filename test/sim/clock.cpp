#include "sim/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace strata::sim {

namespace {

constexpr std::int64_t million = 1'000'000;

}  // namespace

// One wake-up is under way at most, but for those that came too late to be of use: an alarm that is put off again and
// again costs nothing.
class Ringer : public std::enable_shared_from_this<Ringer> {
 public:
  Ringer(Scheduler& scheduler, SimThread& thread, const Duration& lateness, std::function<void()> ring)
      : scheduler_(scheduler), thread_(thread), lateness_(lateness), ring_(std::move(ring)) {}

  // By `clock`, which may leap.
  void set(const SimClock& clock, TimePoint local) {
    local_due_ = local;
    ++setting_;
    keep_to(clock);
  }
  // The clock shows another time than it did.
  void clock_stepped(const SimClock& clock) {
    if (due_) {
      keep_to(clock);
    }
  }
  void cancel() {
    due_.reset();
    ++setting_;
  }

 private:
  void keep_to(const SimClock& clock) {
    due_ = std::max(clock.virtual_time_of(local_due_), scheduler_.now());
    if (!wake_at_ || *due_ < *wake_at_) {
      schedule(*due_);  // lateness is looked at then
    }
  }
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
  TimePoint local_due_;
  std::optional<TimePoint> due_;
  std::optional<TimePoint> wake_at_;
  std::uint64_t last_wake_ = 0;
  std::uint64_t setting_ = 0;  // what was set or cancelled since must not ring
};

namespace {

class SimAlarm final : public actors::Alarm {
 public:
  SimAlarm(const SimClock& clock, std::shared_ptr<Ringer> ringer) : clock_(clock), ringer_(std::move(ringer)) {}
  SimAlarm(const SimAlarm&) = delete;
  SimAlarm& operator=(const SimAlarm&) = delete;
  ~SimAlarm() override { ringer_->cancel(); }

  void set(TimePoint when) override { ringer_->set(clock_, when); }
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

void SimClock::step(Duration by) {
  error_.ahead += by;
  for (const std::weak_ptr<Ringer>& weak : ringers_) {
    if (const std::shared_ptr<Ringer> ringer = weak.lock()) {
      ringer->clock_stepped(*this);
    }
  }
}

std::unique_ptr<actors::Alarm> SimClock::make_alarm(std::function<void()> ring) {
  auto ringer = std::make_shared<Ringer>(scheduler_, thread_, lateness_, std::move(ring));
  std::erase_if(ringers_, [](const std::weak_ptr<Ringer>& known) { return known.expired(); });
  ringers_.push_back(ringer);
  return std::make_unique<SimAlarm>(*this, std::move(ringer));
}

}  // namespace strata::sim
