// sim: runs whole clusters on virtual time, each from one seed. A failure prints the seed and how to see it again.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>

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
std::array<char, 128> last_words{};

void on_abort(int) {
  const std::size_t size = std::char_traits<char>::length(last_words.data());
  static_cast<void>(!write(STDOUT_FILENO, last_words.data(), size));
  _exit(1);
}

void prepare_last_words(std::uint64_t seed) {
  const auto end =
      fmt::format_to_n(last_words.data(), last_words.size() - 1,
                       "FAILED seed {}: an assertion of the node's; replay: sim --seed {} --trace\n", seed, seed);
  *end.out = '\0';
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

std::optional<std::pair<std::uint64_t, std::uint64_t>> range_of(const std::string& seeds) {
  const std::size_t dots = seeds.find("..");
  if (dots == std::string::npos) {
    return std::nullopt;
  }
  std::pair<std::uint64_t, std::uint64_t> range;
  const bool numbers = CLI::detail::lexical_cast(seeds.substr(0, dots), range.first) &&
                       CLI::detail::lexical_cast(seeds.substr(dots + 2), range.second);
  return numbers && range.first <= range.second ? std::optional(range) : std::nullopt;
}

int run(const Command& command) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::pair<std::uint64_t, std::uint64_t> range{1, std::numeric_limits<std::uint64_t>::max()};
  if (command.seed) {
    range = {*command.seed, *command.seed};
  } else if (!command.seeds.empty()) {
    const auto named = range_of(command.seeds);
    if (!named) {
      fmt::print(stderr, "sim: --seeds needs A..B, two numbers, the smaller first\n");
      return 1;
    }
    range = *named;
  }
  Totals totals;
  bool good = true;
  for (std::uint64_t seed = range.first;; ++seed) {
    good = run_one(seed, command, totals) && good;
    const bool out_of_time = command.minutes > 0 && seconds() >= 60.0 * static_cast<double>(command.minutes);
    if (seed == range.second || out_of_time || !good) {
      break;
    }
  }
  if (!command.hashes) {
    const double virtual_seconds = std::chrono::duration<double>(totals.virtual_time).count();
    fmt::print(
        "{} seeds, {:.0f} virtual s in {:.1f} s ({:.1f} seeds and {:.0f} virtual s each second), {} steps, {} "
        "requests, {} answered\n",
        totals.seeds, virtual_seconds, seconds(), static_cast<double>(totals.seeds) / seconds(),
        virtual_seconds / seconds(), totals.steps, totals.requests, totals.answered);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace strata::sim

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
  CLI11_PARSE(app, argc, argv);
  if (!*seed && !*seeds && !*minutes) {
    fmt::print("{}", app.help());
    return 1;
  }
  std::signal(SIGABRT, strata::sim::on_abort);
  return strata::sim::run(command);
}
