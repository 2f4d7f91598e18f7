#include "bench/load_run.hpp"

#include <algorithm>
#include <thread>

#include "base/assert.hpp"

namespace strata::bench {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds watch_interval{100};
constexpr std::size_t open_loop_slots = 60'000;  // below the client's limit of outstanding requests
constexpr unsigned read_attempts = 20;

}  // namespace

LoadRun::LoadRun(const LoadOptions& options, client::Client& client, Hooks hooks)
    : options_(options),
      client_(client),
      hooks_(std::move(hooks)),
      open_(options.rate > 0),
      verifier_(options.verify ? options.workload.key_space : 0),
      slots_(open_ ? open_loop_slots : std::size_t{options.connections} * options.pipeline),
      next_watch_(steady_clock::now()),
      workload_(options.workload) {}

void LoadRun::run() {
  if (open_) {
    run_open();
  } else {
    run_closed();
  }
  stopping_.store(true);
  if (options_.operations == 0) {
    end_measuring(steady_clock::now());
  }
  wait_for_the_last();
  end_measuring(steady_clock::now());
}

void LoadRun::begin_measuring(Time now) {
  recorder_.begin(now, options_.operations > 0 ? Time::max() : now + options_.duration);
  hooks_.begun();
  const std::lock_guard lock(mutex_);
  measuring_ = true;
}

void LoadRun::end_measuring(Time now) {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(measuring_, false)) {
      return;
    }
  }
  recorder_.end(now);
  hooks_.ended();
}

// ---- Time ----

bool LoadRun::watch_says_stop(Time now) {
  if (now < next_watch_) {
    return false;
  }
  next_watch_ = now + watch_interval;
  return hooks_.watch();
}

bool LoadRun::wait_until(Time time) {
  std::unique_lock lock(mutex_);
  for (Time now = steady_clock::now(); now < time; now = steady_clock::now()) {
    lock.unlock();
    const bool stop = watch_says_stop(now);
    lock.lock();
    if (stop) {
      return true;
    }
    // A closed loop with nothing on its way has come to its end.
    if (changed_.wait_until(lock, std::min(time, next_watch_), [&] { return !open_ && active_ == 0; })) {
      return true;
    }
  }
  return false;
}

void LoadRun::wait_for_the_last() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, watch_interval, [&] { return active_ == 0; })) {
    lock.unlock();
    hooks_.watch();
    lock.lock();
  }
}

// ---- The loops ----

void LoadRun::run_closed() {
  const Time start = steady_clock::now();
  if (options_.warmup.count() == 0) {
    begin_measuring(start);
  }
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    if (take_operation(slots_[index], steady_clock::now())) {
      send(index);
    }
  }
  if (options_.warmup.count() > 0) {
    if (wait_until(start + options_.warmup)) {
      return;
    }
    begin_measuring(steady_clock::now());
  }
  wait_until(options_.operations > 0 ? Time::max() : steady_clock::now() + options_.duration);
}

// Requests are sent when they are due, whatever has become of those before.
void LoadRun::run_open() {
  const Time start = steady_clock::now();
  const Time warm = start + options_.warmup;
  const Time end = options_.operations > 0 ? Time::max() : warm + options_.duration;
  const std::chrono::duration<double, std::nano> interval(1e9 / options_.rate);
  bool measuring = false;
  for (std::uint64_t i = 0;; ++i) {
    const Time due = start + std::chrono::duration_cast<std::chrono::nanoseconds>(interval * static_cast<double>(i));
    if (!measuring && due >= warm) {
      measuring = true;
      begin_measuring(warm);
    }
    if (due >= end || wait_until(due) || watch_says_stop(steady_clock::now())) {
      return;
    }
    const auto slot = wait_for_free_slot(end);
    if (!slot || !take_operation(slots_[*slot], due)) {
      return;
    }
    send(*slot);
  }
}

std::optional<std::size_t> LoadRun::wait_for_free_slot(Time until) {
  std::unique_lock lock(mutex_);
  if (free_.empty() && active_ == 0) {
    for (std::size_t index = slots_.size(); index > 0; --index) {
      free_.push_back(index - 1);
    }
  }
  while (free_.empty() && steady_clock::now() < until) {
    lock.unlock();
    if (watch_says_stop(steady_clock::now())) {
      return std::nullopt;
    }
    lock.lock();
    changed_.wait_for(lock, watch_interval, [&] { return !free_.empty(); });
  }
  if (free_.empty()) {
    return std::nullopt;
  }
  const std::size_t index = free_.back();
  free_.pop_back();
  return index;
}

bool LoadRun::take_operation(Slot& slot, Time due) {
  const std::lock_guard lock(mutex_);
  const bool enough = options_.operations > 0 && measured_operations_ >= options_.operations;
  if (enough || stopping_.load(std::memory_order_relaxed)) {
    return false;
  }
  measured_operations_ += measuring_ ? 1U : 0U;
  slot.operation = workload_.next();
  slot.due = due;
  slot.counts = measuring_ || options_.operations == 0;
  ++active_;
  return true;
}

void LoadRun::send(std::size_t index) {
  const Operation& operation = slots_[index].operation;
  const bool taken =
      operation.read
          ? client_.get(workload_.key(operation.key), {},
                        [this, index](const ReadOutcome& outcome) { on_get(index, outcome); })
          : client_.set(workload_.key(operation.key), workload_.value(operation.number), {},
                        [this, index](const client::Outcome<client::Stored>& outcome) { on_set(index, outcome); });
  // The client takes more than there are slots, and lives longer than the run.
  STRATA_ASSERT(taken);
}

// ---- Answers: on the client's thread ----

void LoadRun::on_set(std::size_t index, const client::Outcome<client::Stored>& outcome) {
  if (options_.verify && outcome.ok()) {
    verifier_.acknowledged(slots_[index].operation, outcome.value().revision);
  } else if (options_.verify && outcome.error().code == client::ErrorCode::unknown) {
    verifier_.unknown(slots_[index].operation);
  }
  on_answer(index, outcome.ok() ? std::nullopt : std::optional(outcome.error().code));
}

void LoadRun::on_get(std::size_t index, const ReadOutcome& outcome) {
  on_answer(index, outcome.ok() ? std::nullopt : std::optional(outcome.error().code));
}

void LoadRun::on_answer(std::size_t index, std::optional<client::ErrorCode> error) {
  const Time now = steady_clock::now();
  if (error) {
    recorder_.failed(*error);
  } else if (slots_[index].counts) {
    recorder_.completed(slots_[index].due, now);
  }
  if (!open_ && take_operation(slots_[index], now)) {
    send(index);
  }
  retire(index);
}

void LoadRun::retire(std::size_t index) {
  const std::lock_guard lock(mutex_);
  --active_;
  if (open_) {
    free_.push_back(index);
  }
  if (active_ == 0 || free_.size() == 1) {
    changed_.notify_all();
  }
}

// ---- Reading back ----

VerifyResult LoadRun::verify() {
  unverified_ = verifier_.keys();
  verified_.keys = unverified_.size();
  active_ = std::min<std::size_t>(unverified_.size(), std::max<std::size_t>(64, options_.pipeline));
  for (std::size_t i = active_; i > 0; --i) {
    verify_next();
  }
  wait_for_the_last();
  return verified_;
}

void LoadRun::verify_next() {
  std::uint64_t key = 0;
  {
    const std::lock_guard lock(mutex_);
    if (unverified_.empty()) {
      --active_;
      changed_.notify_all();
      return;
    }
    key = unverified_.back();
    unverified_.pop_back();
  }
  read_back(key, 1);
}

void LoadRun::read_back(std::uint64_t key, unsigned attempt) {
  const bool taken = client_.get(workload_.key(key), {}, [this, key, attempt](const ReadOutcome& outcome) {
    on_read_back(key, attempt, outcome);
  });
  STRATA_ASSERT(taken);
}

void LoadRun::on_read_back(std::uint64_t key, unsigned attempt, const ReadOutcome& outcome) {
  if (!outcome.ok() && attempt < read_attempts) {
    read_back(key, attempt + 1);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    const auto verdict = outcome.ok() ? std::optional(verifier_.judge(workload_, key, outcome.value())) : std::nullopt;
    verified_.unread += verdict ? 0U : 1U;
    verified_.lost += verdict == Verifier::Verdict::lost ? 1U : 0U;
    verified_.wrong += verdict == Verifier::Verdict::wrong ? 1U : 0U;
  }
  verify_next();
}

}  // namespace strata::bench
