#include "sim/campaign.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include "sim/random_run.hpp"
#include "sim/workers.hpp"

namespace strata::sim {

namespace {

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::uint64_t lost = 0;
  std::uint64_t losing_seeds = 0;
  Duration virtual_time{};
  Reached reached{};

  void add(const RunReport& report) {
    ++seeds;
    steps += report.steps;
    requests += report.requests;
    answered += report.answered;
    lost += report.lost;
    losing_seeds += report.lost > 0 ? 1u : 0u;
    virtual_time += report.virtual_time;
    for (std::size_t place = 0; place < reached.size(); ++place) {
      reached[place] += report.reached[place];
    }
  }
};

std::string names_after(std::string_view option, const FaultSet& faults) {
  std::string names;
  for (const FaultKind& kind : all_faults()) {
    if (faults.contains(kind.fault)) {
      names += fmt::format("{}{}", names.empty() ? "" : ",", kind.name);
    }
  }
  return names.empty() ? "" : fmt::format(" {} {}", option, names);
}

// How to see it again.
std::string command_for(std::uint64_t seed, const Campaign& campaign) {
  std::string command = fmt::format("sim --seed {}", seed);
  for (std::size_t number = 0; number < campaign.without.size(); ++number) {
    command += campaign.without.test(number) ? fmt::format(" --without {}", number) : "";
  }
  if (campaign.faults.only) {
    command += names_after("--only", *campaign.faults.only);
  }
  command += names_after("--with", campaign.faults.with);
  command += names_after("--no", campaign.faults.without);
  return command + " --trace";
}

// What is written when the node's own assertions end this process: prepared, as nothing can be formatted any more then.
std::array<char, 1200> last_words{};
std::size_t last_words_size = 0;

void on_abort(int) {
  static_cast<void>(!::write(STDOUT_FILENO, last_words.data(), last_words_size));
  ::_exit(1);
}

void prepare_last_words(std::uint64_t seed, const Campaign& campaign) {
  const auto written = fmt::format_to_n(last_words.data(), last_words.size(),
                                        "FAILED seed {}: an assertion of the node's; commit {}; again: {}\n", seed,
                                        commit, command_for(seed, campaign));
  last_words_size = std::min(written.size, last_words.size());
}

void print(const RunReport& report, const Campaign& campaign) {
  if (campaign.hashes) {
    fmt::print("{} {:016x}\n", report.seed, report.trace_hash);
  }
  if (report.failure) {
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(report.virtual_time).count();
    fmt::print("FAILED seed {} at {} ms: {}; commit {}; again: {}\n", report.seed, at, *report.failure, commit,
               command_for(report.seed, campaign));
  }
  std::fflush(stdout);
}

// The rare places in the code that none of the seeds has reached.
bool print_missed(const Reached& reached) {
  std::string missed;
  for (std::size_t place = 0; place < reached.size(); ++place) {
    if (reached[place] == 0) {
      missed += fmt::format(" {}", reached_name(place));
    }
  }
  fmt::print("rare places never reached:{}\n", missed.empty() ? " none" : missed);
  return missed.empty();
}

void print(const Totals& totals, double seconds, std::size_t jobs) {
  const double virtual_hours = std::chrono::duration<double, std::ratio<3600>>(totals.virtual_time).count();
  fmt::print(
      "{} seeds and {:.2f} virtual hours in {:.1f} s with {} job{}: {:.1f} seeds and {:.3f} virtual hours a second; ",
      totals.seeds, virtual_hours, seconds, jobs, jobs == 1 ? "" : "s", static_cast<double>(totals.seeds) / seconds,
      virtual_hours / seconds);
  fmt::print("{} steps, {} requests, {} answered\n", totals.steps, totals.requests, totals.answered);
  fmt::print("{} SETs were answered OK and lost with the power of all who held them, at written, in {} seeds\n",
             totals.lost, totals.losing_seeds);
}

}  // namespace

bool run(const Campaign& campaign) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const auto run_one = [&campaign](std::uint64_t seed) {
    return run_plan(draw_plan(seed, campaign.faults), campaign.trace ? stdout : nullptr, campaign.without);
  };
  std::unique_ptr<Workers> workers;
  if (campaign.jobs > 1) {
    workers = std::make_unique<Workers>(campaign.first, campaign.last, campaign.jobs, run_one);
  } else {
    std::signal(SIGABRT, on_abort);
  }
  Totals totals;
  bool good = true;
  bool more = true;
  for (std::uint64_t seed = campaign.first; more; ++seed) {
    prepare_last_words(seed, campaign);
    const RunReport report = workers ? workers->next() : run_one(seed);
    totals.add(report);
    print(report, campaign);
    good = !report.failure;
    const bool out_of_time = campaign.minutes > 0 && seconds() >= 60.0 * static_cast<double>(campaign.minutes);
    more = good && seed != campaign.last && !out_of_time;
  }
  if (!campaign.hashes) {
    print(totals, seconds(), campaign.jobs);
    const bool all_reached = print_missed(totals.reached) && totals.losing_seeds > 0;
    good = good && (all_reached || !campaign.all_reached);
  }
  return good;
}

}  // namespace strata::sim
