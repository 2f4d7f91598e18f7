// The commands of kv-cli. Each prints what was asked for to standard output, talk to standard error, and returns the
// exit status.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace strata::client {

struct CliOptions {
  std::vector<std::string> endpoints;
  std::chrono::nanoseconds timeout{};
  bool json = false;
  bool local = false;   // get
  bool synced = false;  // set, get
};

enum class ExitStatus : int {
  done = 0,
  no_such_key = 1,
  usage = 2,
  not_reached = 3,
  not_done = 5,
  outcome_unknown = 6,
};

ExitStatus run_set(const CliOptions& options, const std::string& key, const std::string& value);
ExitStatus run_get(const CliOptions& options, const std::string& key);
ExitStatus run_status(const CliOptions& options);
// Waits until the cluster serves linearizable reads.
ExitStatus run_wait_ready(const CliOptions& options);
// Reads commands from standard input until it ends.
ExitStatus run_prompt(const CliOptions& options);

}  // namespace strata::client
