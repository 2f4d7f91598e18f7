// sim: runs whole clusters on virtual time, each from one seed. A failure prints the seed and how to see it again.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "sim/random_run.hpp"

namespace strata::sim {
namespace {

struct Command {
  std::optional<std::uint64_t> seed;
  std::string seeds;
  std::uint64_t minutes = 0;
  bool trace = false;
  bool hashes = false;
};

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  Duration virtual_time{};
};

// What is written when the node's own assertions end the process: prepared, as nothing can be formatted any more then.
std::array<char, 160> last_words{};
std::size_t last_words_size = 0;

void on_abort(int) {
  static_cast<void>(!write(STDOUT_FILENO, last_words.data(), last_words_size));
  _exit(1);
}

void prepare_last_words(std::uint64_t seed) {
  const auto written =
      fmt::format_to_n(last_words.data(), last_words.size(),
                       "FAILED seed {}: an assertion of the node's; replay: sim --seed {} --trace\n", seed, seed);
  last_words_size = std::min(written.size, last_words.size());
}

bool run_one(std::uint64_t seed, const Command& command, Totals& totals) {
  prepare_last_words(seed);
  const RunReport report = run_seed(seed, command.trace ? stdout : nullptr);
  ++totals.seeds;
  totals.steps += report.steps;
  totals.requests += report.requests;
  totals.answered += report.answered;
  totals.virtual_time += report.virtual_time;
  if (command.hashes) {
    fmt::print("{} {:016x}\n", seed, report.trace_hash);
  }
  if (report.failure) {
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(report.virtual_time).count();
    fmt::print("FAILED seed {} at {} ms: {}; replay: sim --seed {} --trace\n", seed, at, *report.failure, seed);
  }
  std::fflush(stdout);
  return !report.failure;
}

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
};

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Nothing when --seeds is no range.
std::optional<Range> range_of(const Command& command) {
  Range range;
  if (command.seed) {
    range = {*command.seed, *command.seed};
  } else if (!command.seeds.empty()) {
    const std::size_t dots = command.seeds.find("..");
    const std::string_view text = command.seeds;
    const bool numbers = dots != std::string::npos && read_number(text.substr(0, dots), range.first) &&
                         read_number(text.substr(dots + 2), range.last);
    if (!numbers || range.first > range.last) {
      return std::nullopt;
    }
  }
  return range;
}

void print(const Totals& totals, double seconds) {
  const double virtual_seconds = std::chrono::duration<double>(totals.virtual_time).count();
  fmt::print("{} seeds and {:.0f} virtual s in {:.1f} s ({:.1f} seeds, {:.0f} virtual s each second), ", totals.seeds,
             virtual_seconds, seconds, static_cast<double>(totals.seeds) / seconds, virtual_seconds / seconds);
  fmt::print("{} steps, {} requests, {} answered\n", totals.steps, totals.requests, totals.answered);
}

int run(const Command& command, const Range& range) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  Totals totals;
  bool good = true;
  bool more = true;
  for (std::uint64_t seed = range.first; more; ++seed) {
    good = run_one(seed, command, totals);
    const bool out_of_time = command.minutes > 0 && seconds() >= 60.0 * static_cast<double>(command.minutes);
    more = good && seed != range.last && !out_of_time;
  }
  if (!command.hashes) {
    print(totals, seconds());
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace strata::sim

constexpr int usage_error = 2;

int main(int argc, char** argv) {
  strata::sim::Command command;
  CLI::App app("Runs Strata's simulator.");
  auto* seed = app.add_option("--seed", command.seed, "Run this seed, any unsigned number of 64 bits");
  auto* seeds = app.add_option("--seeds", command.seeds, "Run the seeds A..B, up to the first that fails");
  auto* minutes =
      app.add_option("--minutes", command.minutes, "Run seeds for so long (from 1 on, or those of --seeds)");
  app.add_flag("--trace", command.trace, "Print what happens, one event a line");
  app.add_flag("--hashes", command.hashes, "Print each seed with the hash of its trace, to compare two builds");
  seed->excludes(seeds)->excludes(minutes);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  const auto range = strata::sim::range_of(command);
  if (!range || (!*seed && !*seeds && !*minutes)) {
    fmt::print(stderr, "sim: one of --seed S, --seeds A..B (A not above B) and --minutes M is needed\n");
    return usage_error;
  }
  std::signal(SIGABRT, strata::sim::on_abort);
  return strata::sim::run(command, *range);
}
