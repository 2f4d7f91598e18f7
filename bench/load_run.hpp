// One load, from its first request to its last answer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "bench/options.hpp"
#include "bench/recorder.hpp"
#include "bench/verifier.hpp"
#include "bench/workload.hpp"
#include "strata/client.hpp"

namespace strata::bench {

struct VerifyResult {
  std::uint64_t keys = 0;    // with an acknowledged write
  std::uint64_t lost = 0;    // show an older state than was acknowledged
  std::uint64_t wrong = 0;   // hold what was never written there
  std::uint64_t unread = 0;  // could not be read

  bool good() const { return lost + wrong + unread == 0; }
};

// What a run tells while it lasts, on the thread that runs it.
struct Hooks {
  std::function<bool()> watch;  // called ten times a second; true ends the run before its time
  std::function<void()> begun;  // the warm-up is over
  std::function<void()> ended;  // what comes now is not measured any more
};

class LoadRun {
 public:
  LoadRun(const LoadOptions& options, client::Client& client, Hooks hooks);

  // Runs the load; returns when its last request is answered.
  void run();
  // Reads every key with an acknowledged write again. After run().
  VerifyResult verify();

  Recorder& recorder() { return recorder_; }

 private:
  // A request on its way. In a closed loop each slot begins its next request when it is answered.
  struct Slot {
    Operation operation;
    Time due;
    bool counts = false;  // with --operations only those begun while measuring do
  };
  using ReadOutcome = client::Outcome<std::optional<client::Found>>;

  void begin_measuring(Time now);
  void end_measuring(Time now);
  void run_closed();
  void run_open();
  // True: the run is to end now. Waits until then, or for an earlier end of all requests.
  bool wait_until(Time time);
  bool watch_says_stop(Time now);
  void wait_for_the_last();
  std::optional<std::size_t> wait_for_free_slot(Time until);

  bool take_operation(Slot& slot, Time due);
  void send(std::size_t index);
  void on_set(std::size_t index, const client::Outcome<client::Stored>& outcome);
  void on_get(std::size_t index, const ReadOutcome& outcome);
  void on_answer(std::size_t index, std::optional<client::ErrorCode> error);
  void retire(std::size_t index);

  void verify_next();
  void read_back(std::uint64_t key, unsigned attempt);
  void on_read_back(std::uint64_t key, unsigned attempt, const ReadOutcome& outcome);

  const LoadOptions options_;
  client::Client& client_;
  const Hooks hooks_;
  const bool open_;
  Recorder recorder_;
  Verifier verifier_;  // on the client's thread until run() is over
  std::vector<Slot> slots_;
  std::atomic<bool> stopping_{false};
  Time next_watch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Workload workload_;
  bool measuring_ = false;
  std::uint64_t measured_operations_ = 0;  // begun while measuring
  std::size_t active_ = 0;                 // requests on their way
  std::vector<std::size_t> free_;          // slots without one (open loop)
  std::vector<std::uint64_t> unverified_;
  VerifyResult verified_;
};

}  // namespace strata::bench
