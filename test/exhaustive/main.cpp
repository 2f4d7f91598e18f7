// exhaustive: runs the consensus core through every distinct state of a small cluster, shortest ways first.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "exhaustive/scopes.hpp"
#include "exhaustive/search.hpp"

namespace strata::exhaustive {
namespace {

struct Command {
  Scope scope;
  std::uint64_t states = 1'000'000;
  bool names = false;
};

Search* running = nullptr;

void print_violation(const Search& search, const std::string& what, const std::vector<std::string>& path) {
  fmt::print("VIOLATION after {} states: {}\n", search.states(), what);
  for (const std::string& line : search.first_state()) {
    fmt::print("begin {}\n", line);
  }
  for (std::size_t line = 0; line < path.size(); ++line) {
    fmt::print("{:4} {}\n", line + 1, path[line]);
  }
  std::fflush(stdout);
}

// An assertion of the core: raised by our own thread in the midst of our own code, so that ordinary work may be done.
void on_abort(int) {
  std::signal(SIGABRT, SIG_DFL);
  print_violation(*running, "an assertion of the node's", running->current_path(false));
  _exit(1);
}

void print_totals(const Search& search, double seconds) {
  fmt::print("{} distinct states{}, depth {}, {:.1f} s, {:.0f} states a second\n", search.states(),
             search.complete() ? " (all there are)" : "", search.depth(), seconds,
             static_cast<double>(search.states()) / seconds);
  const NodeStates& nodes = search.nodes();
  fmt::print("  of single nodes: {} states, {} without what they sent; {} messages\n", nodes.size(), nodes.machines(),
             nodes.packets());
}

int run(const Command& command) {
  const auto begin = std::chrono::steady_clock::now();
  Search search(command.scope, !command.names);
  running = &search;
  std::signal(SIGABRT, on_abort);
  const std::optional<Violation> violation = search.run(command.states);
  print_totals(search, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (violation) {
    print_violation(search, violation->what, violation->path);
    return 1;
  }
  return 0;
}

// The options in the order in which they take effect: each bound after the scope that it changes.
void add_options(CLI::App& app, Command& command) {
  Scope& scope = command.scope;
  app.option_defaults()->always_capture_default();
  app.add_option_function<std::string>(
         "--scope", [&scope](const std::string& name) { scope = *find_scope(name); },
         "The bounds to begin with, by name (see below)")
      ->check([](const std::string& name) { return find_scope(name) ? "" : "there is no scope '" + name + "'"; });
  app.add_option("--states", command.states, "End after so many distinct states")
      ->check(CLI::Range(1ULL, 2'000'000'000ULL));
  app.add_option("--nodes", scope.nodes, "Members")->check(CLI::Range(std::size_t{1}, max_nodes));
  app.add_option("--terms", scope.terms, "Nobody campaigns for a later term");
  app.add_option("--elections", scope.elections, "Election timers that fire, in all");
  app.add_option("--commands", scope.commands, "Proposals in all");
  app.add_option("--reads", scope.reads, "Linearizable reads in all");
  app.add_option("--crashes", scope.crashes, "Processes that die, in all");
  app.add_option("--power-losses", scope.power_losses, "Machines that lose power, in all");
  app.add_option("--disk-losses", scope.disk_losses, "Disks that are lost, in all; their nodes rejoin");
  app.add_option("--beats", scope.beats, "Further heartbeats of the timer in a leader's term");
  app.add_option("--stalls", scope.stalls, "How often a disk is found with work undone");
  const auto set_ack = [&scope](const std::string& level) {
    scope.ack = level == "written" ? Durability::written : Durability::synced;
  };
  app.add_option_function<std::string>("--ack", set_ack, "What a majority must have: written or synced")
      ->check(CLI::IsMember({"written", "synced"}));
  app.add_flag("--names", command.names, "States that differ in the names of the nodes alone count each");
}

std::string list_of_scopes() {
  std::string list;
  for (const NamedScope& named : named_scopes()) {
    list += fmt::format("  {:<13}{}\n", named.name, named.what);
  }
  return list;
}

}  // namespace
}  // namespace strata::exhaustive

constexpr int usage_error = 2;

int main(int argc, char** argv) {
  strata::exhaustive::Command command;
  CLI::App app("Checks Strata's consensus core in every distinct state of a small cluster, up to --states.");
  strata::exhaustive::add_options(app, command);
  app.footer("Scopes (a bound that is named besides counts instead of the scope's):\n" +
             strata::exhaustive::list_of_scopes());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  if (command.scope.start != strata::exhaustive::Start::fresh && command.scope.nodes != 3) {
    fmt::print(stderr, "exhaustive: this scope has three members\n");
    return usage_error;
  }
  return strata::exhaustive::run(command);
}
