// sim: runs whole clusters on virtual time, each from one seed. A failure prints the seed and how to see it again.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/campaign.hpp"
#include "sim/fault_kinds.hpp"

namespace strata::sim {
namespace {

constexpr int usage_error = 2;

struct Command {
  std::optional<std::uint64_t> seed;
  std::string seeds;
  std::vector<std::size_t> without;
  std::vector<std::string> only;
  std::vector<std::string> with;
  std::vector<std::string> no;
  bool list_faults = false;
  Campaign campaign;
};

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// False when --seeds is no range.
bool read_range(std::string_view text, Campaign& campaign) {
  const std::size_t dots = text.find("..");
  return dots != std::string_view::npos && read_number(text.substr(0, dots), campaign.first) &&
         read_number(text.substr(dots + 2), campaign.last) && campaign.first <= campaign.last;
}

// The first name that no fault has, if there is one.
std::optional<std::string> read_names(const std::vector<std::string>& names, FaultSet& faults) {
  for (const std::string& name : names) {
    const std::optional<Fault> fault = fault_named(name);
    if (!fault) {
      return name;
    }
    faults.add(*fault);
  }
  return std::nullopt;
}

std::optional<std::string> take_faults(const Command& command, FaultChoice& choice) {
  if (!command.only.empty()) {
    choice.only.emplace();
  }
  FaultSet only;
  std::optional<std::string> unknown = read_names(command.only, choice.only ? *choice.only : only);
  unknown = unknown ? unknown : read_names(command.with, choice.with);
  unknown = unknown ? unknown : read_names(command.no, choice.without);
  return unknown ? std::optional(fmt::format("no fault is called {}; --list-faults lists them", *unknown))
                 : std::nullopt;
}

// What is wrong with the command, if something is.
std::optional<std::string> complete(Command& command) {
  Campaign& campaign = command.campaign;
  if (command.seed) {
    campaign.first = campaign.last = *command.seed;
  } else if (!command.seeds.empty() && !read_range(command.seeds, campaign)) {
    return "--seeds A..B needs two numbers, A not above B";
  } else if (command.seeds.empty() && campaign.minutes == 0) {
    return "one of --seed S, --seeds A..B and --minutes M is needed";
  }
  if (campaign.trace && campaign.jobs > 1) {
    return "--trace needs --jobs 1";
  }
  for (const std::size_t number : command.without) {
    campaign.without.set(number);
  }
  return take_faults(command, campaign.faults);
}

std::string list_of_faults() {
  std::string list;
  for (const FaultKind& kind : all_faults()) {
    list += fmt::format("  {:18}{}\n", kind.name, kind.what);
  }
  return list;
}

void add_options(CLI::App& app, Command& command) {
  auto* seed = app.add_option("--seed", command.seed, "Run this seed, any unsigned number of 64 bits");
  auto* seeds = app.add_option("--seeds", command.seeds, "Run the seeds A..B, up to the first that fails");
  auto* minutes =
      app.add_option("--minutes", command.campaign.minutes, "Run seeds for so long (from 1 on, or those of --seeds)");
  app.add_option("--jobs", command.campaign.jobs, "Run so many seeds at once, each in a process of its own")
      ->check(CLI::Range(1, 256));
  app.add_option("--without", command.without,
                 "Do not look at the invariant of this number (docs/invariants.md); may be given several times")
      ->check(CLI::Range(std::size_t{1}, invariant_count));
  app.add_option("--only", command.only, "Make these faults (F,G,…) in every seed, and no others")->delimiter(',');
  app.add_option("--with", command.with, "Make these faults in every seed, too")->delimiter(',');
  app.add_option("--no", command.no, "Make these faults in no seed")->delimiter(',');
  app.add_flag("--list-faults", command.list_faults, "List the faults");
  app.footer("Faults (each seed draws which of them it makes, and how often):\n" + list_of_faults());
  app.add_flag("--trace", command.campaign.trace, "Print what happens, one event a line");
  app.add_flag(
      "--all-reached", command.campaign.all_reached,
      "Fail unless every rare place in the code was reached by some seed, and some seed lost what the power of "
      "all its holders took");
  app.add_flag("--hashes", command.campaign.hashes,
               "Print each seed with the hash of its trace, to compare two builds");
  seed->excludes(seeds)->excludes(minutes);
}

}  // namespace
}  // namespace strata::sim

int main(int argc, char** argv) {
  strata::sim::Command command;
  CLI::App app("Runs Strata's simulator.");
  strata::sim::add_options(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : strata::sim::usage_error;
  }
  if (command.list_faults) {
    fmt::print("{}", strata::sim::list_of_faults());
    return 0;
  }
  if (const auto wrong = strata::sim::complete(command)) {
    fmt::print(stderr, "sim: {}\n", *wrong);
    return strata::sim::usage_error;
  }
  return strata::sim::run(command.campaign) ? 0 : 1;
}
