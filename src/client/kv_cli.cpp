// kv-cli: the command line.
#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <string>

#include "client/kv_cli_commands.hpp"
#include "tool/app.hpp"

namespace strata::client {
namespace {

struct CommandLine {
  CliOptions options;
  std::string endpoints;
  std::string key;
  std::string value;
  CLI::App* set = nullptr;
  CLI::App* get = nullptr;
  CLI::App* status = nullptr;
  CLI::App* wait_ready = nullptr;
};

constexpr const char* exit_statuses =
    "Exit status: 0 done, 1 no such key, 2 usage, 3 no node can be reached,\n"
    "5 not done (no leader or majority, busy), 6 outcome unknown.";

void describe_commands(CLI::App& app, CommandLine& line) {
  line.set = app.add_subcommand("set", "store VALUE under KEY; prints OK, the revision and the durability");
  line.set->add_option("KEY", line.key, "the key; - reads it from standard input")->required();
  line.set->add_option("VALUE", line.value, "the value; - reads it from standard input")->required();
  line.set->add_flag("--synced", line.options.synced, "answer only when a majority has synced it");
  line.get = app.add_subcommand("get", "print the value of KEY, byte for byte");
  line.get->add_option("KEY", line.key, "the key; - reads it from standard input")->required();
  line.get->add_flag("--local", line.options.local, "any node's state at once: perhaps old, works without a majority");
  line.get->add_flag("--synced", line.options.synced, "wait until what is read is synced on a majority");
  line.status = app.add_subcommand("status", "a row for every node of the cluster, those that are down included");
  line.wait_ready = app.add_subcommand("wait-ready", "wait until the cluster serves (30s, unless --timeout is given)");
}

void describe_flags(CLI::App& app, CommandLine& line) {
  app.add_option("--endpoints", line.endpoints, "nodes to begin with, separated by commas; the others are learned")
      ->type_name("E,E,...")
      ->default_str("tcp://127.0.0.1:7001");
  tool::add_duration(app, "--timeout", line.options.timeout, "5s", "give up after this long");
  app.add_flag("--json", line.options.json, "print JSON");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.footer(exit_statuses);
}

std::string standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

ExitStatus run(CLI::App& app, CommandLine& line) {
  line.options.endpoints = tool::split_list(line.endpoints.empty() ? "tcp://127.0.0.1:7001" : line.endpoints);
  if (line.set->parsed() && line.key == "-" && line.value == "-") {
    fmt::print(stderr, "kv-cli: set: only one of KEY and VALUE can be read from standard input\n");
    return ExitStatus::usage;
  }
  for (std::string* text : {&line.key, &line.value}) {
    *text = *text == "-" ? standard_input() : *text;
  }
  if (line.set->parsed()) {
    return run_set(line.options, line.key, line.value);
  }
  if (line.get->parsed()) {
    return run_get(line.options, line.key);
  }
  if (line.status->parsed()) {
    return run_status(line.options);
  }
  if (line.wait_ready->parsed()) {
    const bool timeout_given = app.count("--timeout") > 0;
    line.options.timeout = timeout_given ? line.options.timeout : std::chrono::seconds(30);
    return run_wait_ready(line.options);
  }
  return run_prompt(line.options);
}

}  // namespace
}  // namespace strata::client

int main(int count, char** arguments) {
  using namespace strata::client;
  CLI::App app("Talks to a Strata cluster. Without a command: a prompt.", "kv-cli");
  CommandLine line;
  describe_flags(app, line);
  describe_commands(app, line);
  if (const auto status = strata::tool::parse_command_line(app, count, arguments, "kv-cli")) {
    return *status;
  }
  return static_cast<int>(run(app, line));
}
