// The real clock: CLOCK_MONOTONIC and Asio's timers.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "actors/ports.hpp"
#include "base/time.hpp"

namespace strata::net {

// Any thread.
TimePoint monotonic_now();

class AsioClock : public actors::Clock {
 public:
  // Alarms ring on `executor`.
  explicit AsioClock(boost::asio::any_io_executor executor);

  TimePoint now() const override { return monotonic_now(); }
  std::unique_ptr<actors::Alarm> make_alarm(std::function<void()> ring) override;

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace strata::net
