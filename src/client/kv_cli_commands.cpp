#include "client/kv_cli_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include "client/survey.hpp"

namespace strata::client {

namespace {

constexpr std::chrono::seconds survey_limit{1};
constexpr std::chrono::seconds connect_limit{1};

Client connect(const CliOptions& options, std::chrono::nanoseconds connect_timeout) {
  return Client({.endpoints = options.endpoints,
                 .request_timeout = options.timeout,
                 .connect_timeout = std::min(connect_timeout, options.timeout)});
}

ExitStatus exit_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request:
    case ErrorCode::too_large:
      return ExitStatus::usage;
    case ErrorCode::cannot_connect:
      return ExitStatus::not_reached;
    case ErrorCode::unknown:
      return ExitStatus::outcome_unknown;
    default:
      return ExitStatus::not_done;
  }
}

void say(const std::string& text) {
  fmt::print(stderr, "kv-cli: {}\n", text);
}

// Without a majority the reason is that, whatever the node that was asked could see of it.
std::string explain(Client& client, const CliOptions& options, const Error& error) {
  const bool may_be_majority =
      error.code == ErrorCode::unavailable || error.code == ErrorCode::timed_out || error.code == ErrorCode::unknown;
  const std::string prefix = error.code == ErrorCode::unknown ? "outcome unknown: " : "";
  if (!may_be_majority || error.text.starts_with("no leader: ")) {
    return prefix + error.text;
  }
  const std::vector<NodeReach> nodes = reach_of(Survey(client, options.endpoints, survey_limit).rows());
  const auto answering =
      std::count_if(nodes.begin(), nodes.end(), [](const NodeReach& node) { return node.reach == Reach::answers; });
  const bool majority = static_cast<std::size_t>(answering) > nodes.size() / 2;
  return prefix + (majority ? error.text : "no leader: " + reach_sentence(nodes));
}

ExitStatus fail(Client& client, const CliOptions& options, const Error& error) {
  say(explain(client, options, error));
  return exit_status_of(error.code);
}

std::string json_field(std::string_view name, const std::string& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  if (is_utf8(bytes)) {
    return fmt::format("\"{}\":{}", name, json_string(bytes));
  }
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {digits[byte >> 4], digits[byte & 15]};
  }
  return fmt::format("\"{}_hex\":\"{}\"", name, hex);
}

// Exactly the value's bytes; on a terminal, what is typed next shall stand on a line of its own.
void print_value(const std::string& value) {
  std::fwrite(value.data(), 1, value.size(), stdout);
  if (isatty(STDOUT_FILENO) != 0 && !value.ends_with('\n')) {
    std::fputc('\n', stdout);
  }
}

ExitStatus set(Client& client, const CliOptions& options, const std::string& key, const std::string& value) {
  const auto outcome = client.set(key, value, {.synced = options.synced});
  if (!outcome.ok()) {
    return fail(client, options, outcome.error());
  }
  const std::uint64_t revision = outcome.value().revision;
  const char* durability = outcome.value().synced ? "synced" : "written";
  if (options.json) {
    fmt::print("{{\"revision\":{},\"durability\":\"{}\"}}\n", revision, durability);
  } else {
    fmt::print("OK {} {}\n", revision, durability);
  }
  return ExitStatus::done;
}

ExitStatus get(Client& client, const CliOptions& options, const std::string& key) {
  const auto outcome = client.get(key, {.local = options.local, .synced = options.synced});
  if (!outcome.ok()) {
    return fail(client, options, outcome.error());
  }
  const std::optional<Found>& found = outcome.value();
  if (!found) {
    if (options.json) {
      fmt::print("null\n");
    }
    say("there is no such key");
    return ExitStatus::no_such_key;
  }
  if (options.json) {
    fmt::print("{{{},{},\"revision\":{}}}\n", json_field("key", key), json_field("value", found->value),
               found->revision);
  } else {
    print_value(found->value);
  }
  return ExitStatus::done;
}

ExitStatus status(Client& client, const CliOptions& options) {
  const auto limit = std::min<std::chrono::nanoseconds>(survey_limit, options.timeout);
  const std::vector<SurveyRow> rows = Survey(client, options.endpoints, limit).rows();
  fmt::print("{}", options.json ? status_json(rows) : status_table(rows));
  std::fflush(stdout);
  if (std::none_of(rows.begin(), rows.end(), [](const SurveyRow& row) { return row.status.has_value(); })) {
    say("no node can be reached: " + reach_sentence(reach_of(rows)));
    return ExitStatus::not_reached;
  }
  if (leader_of(rows) == 0) {
    say("no leader: " + reach_sentence(reach_of(rows)));
    return ExitStatus::not_done;
  }
  return ExitStatus::done;
}

// One line of the prompt: its first word, its second, and the rest.
struct PromptLine {
  std::string command;
  std::string key;
  std::string rest;
};

std::string take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string word(line.substr(0, line.find_first_of(" \t")));
  line.remove_prefix(word.size());
  return word;
}

PromptLine parse_line(std::string_view line) {
  PromptLine parsed;
  parsed.command = take_word(line);
  parsed.key = take_word(line);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  parsed.rest = line;
  return parsed;
}

ExitStatus run_line(Client& client, const CliOptions& options, const PromptLine& line) {
  if (line.command == "set" && !line.key.empty()) {
    return set(client, options, line.key, line.rest);
  }
  if (line.command == "get" && !line.key.empty() && line.rest.empty()) {
    return get(client, options, line.key);
  }
  if (line.command == "status" && line.key.empty()) {
    return status(client, options);
  }
  say("set KEY VALUE (the rest of the line), get KEY, status, quit");
  return ExitStatus::usage;
}

}  // namespace

ExitStatus run_set(const CliOptions& options, const std::string& key, const std::string& value) {
  Client client = connect(options, connect_limit);
  return set(client, options, key, value);
}

ExitStatus run_get(const CliOptions& options, const std::string& key) {
  Client client = connect(options, connect_limit);
  return get(client, options, key);
}

ExitStatus run_status(const CliOptions& options) {
  Client client = connect(options, connect_limit);
  return status(client, options);
}

ExitStatus run_wait_ready(const CliOptions& options) {
  Client client = connect(options, options.timeout);
  const auto outcome = client.get("ready?");
  if (!outcome.ok()) {
    return fail(client, options, outcome.error());
  }
  fmt::print("ready\n");
  return ExitStatus::done;
}

ExitStatus run_prompt(const CliOptions& options) {
  Client client = connect(options, connect_limit);
  const bool terminal = isatty(STDIN_FILENO) != 0;
  ExitStatus last = ExitStatus::done;
  std::string text;
  for (;;) {
    if (terminal) {
      fmt::print(stderr, "strata> ");
    }
    if (!std::getline(std::cin, text)) {
      return terminal ? ExitStatus::done : last;
    }
    const PromptLine line = parse_line(text);
    if (line.command == "quit" || line.command == "exit") {
      return ExitStatus::done;
    }
    if (!line.command.empty()) {
      last = run_line(client, options, line);
      std::fflush(stdout);
    }
  }
}

}  // namespace strata::client
