#include "bench/recorder.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace strata::bench {

namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void Recorder::begin(Time now, Time until) {
  const std::lock_guard lock(mutex_);
  until_ = until;
  begin_ = now;
  last_ = now;
}

void Recorder::note_gap(Time now) {
  if (now - last_ > measured_.longest_gap) {
    measured_.longest_gap = now - last_;
    measured_.longest_gap_at = seconds(last_ - *begin_);
  }
}

void Recorder::completed(Time due, Time now) {
  const std::lock_guard lock(mutex_);
  const auto latency = static_cast<std::uint64_t>((now - due).count());
  interval_.record(latency);
  if (!begin_ || ended_ || now < *begin_ || now >= until_) {
    return;
  }
  const auto second = static_cast<std::size_t>((now - *begin_) / std::chrono::seconds(1));
  measured_.per_second.resize(std::max(measured_.per_second.size(), second + 1));
  ++measured_.per_second[second];
  ++measured_.operations;
  measured_.latency.record(latency);
  note_gap(now);
  last_ = now;
}

void Recorder::failed(client::ErrorCode code) {
  const std::lock_guard lock(mutex_);
  ++measured_.errors[static_cast<std::size_t>(code)];
}

void Recorder::end(Time now) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(ended_, true) || !begin_) {
    return;
  }
  const bool to_the_last = until_ == Time::max() && last_ > *begin_;
  const Time end = to_the_last ? last_ : std::min(now, until_);
  note_gap(end);
  measured_.seconds = seconds(end - *begin_);
}

Measurement Recorder::result() const {
  const std::lock_guard lock(mutex_);
  return measured_;
}

std::uint64_t Recorder::take_interval(Histogram& latency) {
  const std::lock_guard lock(mutex_);
  std::swap(latency, interval_);
  interval_.clear();
  return latency.count();
}

std::uint64_t Recorder::errors() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(measured_.errors.begin(), measured_.errors.end(), std::uint64_t{0});
}

}  // namespace strata::bench
