// Ports of the actors for unit tests: time moves when the test says so, what is sent is kept for the test to look at.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/ports.hpp"

namespace strata::actors::test {

class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }

  std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override {
    auto alarm = std::make_unique<ManualAlarm>(std::move(ring), *this);
    alarms_.push_back(alarm.get());
    return alarm;
  }

  // Moves on and rings what has become due.
  void advance(Duration by) {
    now_ += by;
    for (ManualAlarm* alarm : alarms_) {
      alarm->ring_if_due();
    }
  }

 private:
  class ManualAlarm final : public Alarm {
   public:
    ManualAlarm(std::function<void()> ring, ManualClock& clock) : ring_(std::move(ring)), clock_(clock) {}
    ~ManualAlarm() override { std::erase(clock_.alarms_, this); }
    void set(TimePoint when) override { due_ = when; }
    void cancel() override { due_.reset(); }
    void ring_if_due() {
      if (due_ && *due_ <= clock_.now_) {
        due_.reset();
        ring_();
      }
    }

   private:
    std::function<void()> ring_;
    ManualClock& clock_;
    std::optional<TimePoint> due_;
  };

  TimePoint now_{std::chrono::seconds(100)};
  std::vector<ManualAlarm*> alarms_;
};

struct KeptPeers final : PeerTransport {
  std::vector<PeerSend> sent;
  void send(std::vector<PeerSend> batch) override {
    for (PeerSend& message : batch) {
      sent.push_back(std::move(message));
    }
  }
};

struct KeptReplies final : ClientReplies {
  std::vector<wire::ClientReply> sent;
  void send(std::vector<wire::ClientReply> batch) override {
    for (wire::ClientReply& reply : batch) {
      sent.push_back(std::move(reply));
    }
  }
};

}  // namespace strata::actors::test
