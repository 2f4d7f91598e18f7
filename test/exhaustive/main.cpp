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

#include "exhaustive/search.hpp"

namespace strata::exhaustive {
namespace {

struct Command {
  Scope scope;
  std::uint64_t states = 1'000'000;
  std::string ack = "synced";
  bool names = false;
};

Search* running = nullptr;

void print_path(const std::vector<std::string>& path) {
  for (std::size_t line = 0; line < path.size(); ++line) {
    fmt::print("{:4} {}\n", line + 1, path[line]);
  }
  std::fflush(stdout);
}

// An assertion of the core: raised by our own thread in the midst of our own code, so that ordinary work may be done.
void on_abort(int) {
  std::signal(SIGABRT, SIG_DFL);
  fmt::print("VIOLATION after {} states: an assertion of the node's\n", running->states());
  print_path(running->current_path(false));
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
  Scope scope = command.scope;
  scope.ack = command.ack == "written" ? Durability::written : Durability::synced;
  const auto begin = std::chrono::steady_clock::now();
  Search search(scope, !command.names);
  running = &search;
  std::signal(SIGABRT, on_abort);
  const std::optional<Violation> violation = search.run(command.states);
  print_totals(search, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (violation) {
    fmt::print("VIOLATION after {} states: {}\n", search.states(), violation->what);
    print_path(violation->path);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace strata::exhaustive

constexpr int usage_error = 2;

int main(int argc, char** argv) {
  strata::exhaustive::Command command;
  strata::exhaustive::Scope& scope = command.scope;
  CLI::App app("Checks Strata's consensus core in every distinct state of a small cluster, up to --states.");
  app.option_defaults()->always_capture_default();
  app.add_option("--states", command.states, "End after so many distinct states")
      ->check(CLI::Range(1ULL, 2'000'000'000ULL));
  app.add_option("--nodes", scope.nodes, "Members")->check(CLI::Range(std::size_t{1}, strata::exhaustive::max_nodes));
  app.add_option("--terms", scope.terms, "Nobody campaigns for a later term");
  app.add_option("--elections", scope.elections, "Election timers that fire, in all");
  app.add_option("--commands", scope.commands, "Proposals in all");
  app.add_option("--reads", scope.reads, "Linearizable reads in all");
  app.add_option("--crashes", scope.crashes, "Processes that die, in all");
  app.add_option("--power-losses", scope.power_losses, "Machines that lose power, in all");
  app.add_option("--beats", scope.beats, "Further heartbeats of the timer in a leader's term");
  app.add_option("--stalls", scope.stalls, "How often a disk is found with work undone");
  app.add_option("--ack", command.ack, "What a majority must have: written or synced")
      ->check(CLI::IsMember({"written", "synced"}));
  app.add_flag("--names", command.names, "States that differ in the names of the nodes alone count each");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  return strata::exhaustive::run(command);
}
