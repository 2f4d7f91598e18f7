#include "net/asio_clock.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

namespace strata::net {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

SteadyTime to_steady(TimePoint when) {
  return SteadyTime(std::chrono::duration_cast<SteadyTime::duration>(when.time_since_epoch()));
}

// A timer that already runs to an earlier time is left alone when the alarm is set to a later one: it wakes, sees that
// nothing is due and goes on to what is. Actors move their alarm with every message.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  Bell(const boost::asio::any_io_executor& executor, std::function<void()> ring)
      : timer_(executor), ring_(std::move(ring)) {}

  void set(TimePoint when) {
    due_ = when;
    if (!running_to_ || when < *running_to_) {
      run();
    }
  }

  void cancel() {
    due_.reset();
    running_to_.reset();
    timer_.cancel();
  }

 private:
  void run() {
    running_to_ = due_;
    const std::uint64_t run = ++runs_;
    timer_.expires_at(to_steady(*due_));
    timer_.async_wait([self = shared_from_this(), run](const boost::system::error_code&) { self->expired(run); });
  }

  void expired(std::uint64_t run) {
    if (run != runs_ || !running_to_) {
      return;  // replaced or cancelled meanwhile
    }
    running_to_.reset();
    if (monotonic_now() < *due_) {
      this->run();
      return;
    }
    due_.reset();
    ring_();
  }

  boost::asio::steady_timer timer_;
  std::function<void()> ring_;
  std::optional<TimePoint> due_;
  std::optional<TimePoint> running_to_;
  std::uint64_t runs_ = 0;
};

class AsioAlarm : public actors::Alarm {
 public:
  explicit AsioAlarm(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}
  ~AsioAlarm() override { bell_->cancel(); }

  void set(TimePoint when) override { bell_->set(when); }
  void cancel() override { bell_->cancel(); }

 private:
  std::shared_ptr<Bell> bell_;
};

}  // namespace

TimePoint monotonic_now() {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

AsioClock::AsioClock(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

std::unique_ptr<actors::Alarm> AsioClock::make_alarm(std::function<void()> ring) {
  return std::make_unique<AsioAlarm>(std::make_shared<Bell>(executor_, std::move(ring)));
}

}  // namespace strata::net
