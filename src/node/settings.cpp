#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/membership.hpp"
#include "base/units.hpp"
#include "node/setting.hpp"

namespace strata::node {

namespace {

using Values = std::vector<std::string>;
using Read = std::function<Result<void>(Options&, const Values&)>;
using Write = std::function<std::string(const Options&)>;

Error invalid(std::string text) {
  return Error{ErrorKind::invalid, std::move(text)};
}

Read text(std::string Options::* field, bool may_be_empty = false) {
  return [field, may_be_empty](Options& options, const Values& values) -> Result<void> {
    if (values.back().empty() && !may_be_empty) {
      return invalid("it must not be empty");
    }
    options.*field = values.back();
    return {};
  };
}

Write text_of(std::string Options::* field) {
  return [field](const Options& options) { return options.*field; };
}

Read duration(Duration Options::* field, Duration least, Duration most) {
  return [=](Options& options, const Values& values) -> Result<void> {
    const auto parsed = parse_duration(values.back());
    if (!parsed) {
      return parsed.error();
    }
    if (*parsed < least || *parsed > most) {
      return invalid(fmt::format("it must lie between {} and {}", format_duration(least), format_duration(most)));
    }
    options.*field = *parsed;
    return {};
  };
}

Write duration_of(Duration Options::* field) {
  return [field](const Options& options) { return format_duration(options.*field); };
}

Read size(std::uint64_t Options::* field, std::uint64_t least, std::uint64_t most) {
  return [=](Options& options, const Values& values) -> Result<void> {
    const auto parsed = parse_size(values.back());
    if (!parsed) {
      return parsed.error();
    }
    if (*parsed < least || *parsed > most) {
      return invalid(fmt::format("it must lie between {} and {}", format_size(least), format_size(most)));
    }
    options.*field = *parsed;
    return {};
  };
}

Write size_of(std::uint64_t Options::* field) {
  return [field](const Options& options) { return format_size(options.*field); };
}

Read count(std::uint32_t Options::* field, std::uint32_t least, std::uint32_t most) {
  return [=](Options& options, const Values& values) -> Result<void> {
    std::uint32_t number = 0;
    const std::string& text = values.back();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
      return invalid(fmt::format("\"{}\" is not a number from {} to {}", text, least, most));
    }
    options.*field = number;
    return {};
  };
}

Write count_of(std::uint32_t Options::* field) {
  return [field](const Options& options) { return fmt::format("{}", options.*field); };
}

template <class Choice>
Read choice(Choice Options::* field, std::vector<std::pair<std::string, Choice>> choices) {
  return [field, choices = std::move(choices)](Options& options, const Values& values) -> Result<void> {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == values.back()) {
        options.*field = value;
        return {};
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    return invalid(fmt::format("\"{}\" is none of: {}", values.back(), names));
  };
}

template <class Choice>
Write choice_of(Choice Options::* field, std::vector<std::pair<std::string, Choice>> choices) {
  return [field, choices = std::move(choices)](const Options& options) {
    for (const auto& [name, value] : choices) {
      if (value == options.*field) {
        return name;
      }
    }
    assertion_failed("a choice without a name");
  };
}

const std::vector<std::pair<std::string, LogLevel>> log_levels{
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}};
const std::vector<std::pair<std::string, Durability>> ack_levels{{"synced", Durability::synced},
                                                                 {"written", Durability::written}};
const std::vector<std::pair<std::string, LogFormat>> log_formats{{"text", LogFormat::text}, {"json", LogFormat::json}};

// A value that has always held and may be said; every other belongs to a later version.
Setting later(std::string name, std::string argument, std::string help, const std::string& only) {
  auto read = [only](Options&, const Values& values) -> Result<void> {
    if (!only.empty() && values.back() == only) {
      return {};
    }
    return invalid(only.empty() ? "not yet: this version does not serve it"
                                : fmt::format("not yet: this version serves only \"{}\"", only));
  };
  return {std::move(name), std::move(argument), std::move(help), false, read, [only](const Options&) { return only; }};
}

Result<NodeId> parse_id(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return invalid(fmt::format("\"{}\" is not a node id: write a number from 1 to 65535", text));
  }
  return NodeId(number);
}

Result<void> read_id(Options& options, const Values& values) {
  const auto id = parse_id(values.back());
  if (!id) {
    return id.error();
  }
  options.id = *id;
  return {};
}

Result<void> read_cluster(Options& options, const Values& values) {
  std::vector<MemberEndpoint> members;
  std::string_view rest = values.back();
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    const std::string_view endpoint = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    if (!endpoint.starts_with("tcp://")) {
      return invalid(fmt::format("\"{}\" is not a member: write ID=tcp://HOST:PORT,ID=tcp://HOST:PORT,…", part));
    }
    const auto id = parse_id(part.substr(0, equals));
    if (!id) {
      return id.error();
    }
    members.push_back({*id, std::string(endpoint)});
  }
  std::ranges::sort(members, {}, &MemberEndpoint::id);
  const auto twice = std::ranges::adjacent_find(members, {}, &MemberEndpoint::id);
  if (twice != members.end()) {
    return invalid(fmt::format("node {} stands in it twice", twice->id));
  }
  if (members.size() > max_members) {
    return invalid(fmt::format("{} members: a cluster has at most {}", members.size(), max_members));
  }
  options.cluster = std::move(members);
  return {};
}

std::string write_cluster(const Options& options) {
  std::string text;
  for (const MemberEndpoint& member : options.cluster) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", member.id, member.endpoint);
  }
  return text;
}

Result<void> read_listen(Options& options, const Values& values) {
  for (const std::string& endpoint : values) {
    if (!endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc://")) {
      return invalid(fmt::format("\"{}\" is not an endpoint: write tcp://HOST:PORT or ipc://PATH", endpoint));
    }
  }
  options.listen = values;
  return {};
}

Result<void> read_rejoin(Options& options, const Values& values) {
  if (values.back() != "true" && values.back() != "false") {
    return invalid(fmt::format("\"{}\" is neither true nor false", values.back()));
  }
  options.rejoin = values.back() == "true";
  return {};
}

std::string write_listen(const Options& options) {
  return fmt::format("{}", fmt::join(options.listen, " "));
}

std::vector<Setting> make_settings() {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  constexpr std::uint64_t kib = 1 << 10;
  constexpr std::uint64_t mib = 1 << 20;
  constexpr std::uint64_t gib = 1 << 30;
  return {
      {"id", "N", "this node's id, 1 to 65535", false, read_id,
       [](const Options& options) { return fmt::format("{}", options.id); }},
      {"cluster", "1=tcp://HOST:PORT,2=…", "every member's endpoint for its peers, this one included", false,
       read_cluster, write_cluster},
      {"cluster-name", "NAME", "clusters of different names, or different member ids, refuse each other", false,
       text(&Options::cluster_name), text_of(&Options::cluster_name)},
      {"listen", "ENDPOINT", "for clients: tcp://HOST:PORT or ipc://PATH; repeatable", true, read_listen, write_listen},
      {"data-dir", "DIR", "created when missing; locked while in use", false, text(&Options::data_dir),
       text_of(&Options::data_dir)},
      {"fsync-interval", "D",
       "0: sync as soon as there is something to sync; else at most this long between writes and their sync", false,
       duration(&Options::fsync_interval, Duration::zero(), hours(24)), duration_of(&Options::fsync_interval)},
      {"ack", "synced|written", "what a SET's reply waits for on a majority; on all members alike", false,
       choice(&Options::ack, ack_levels), choice_of(&Options::ack, ack_levels)},
      {"heartbeat-interval", "D", "how often a leader shows that it lives", false,
       duration(&Options::heartbeat_interval, milliseconds(1), hours(1)), duration_of(&Options::heartbeat_interval)},
      {"election-timeout", "D", "drawn anew from once to twice this", false,
       duration(&Options::election_timeout, milliseconds(2), hours(1)), duration_of(&Options::election_timeout)},
      {"segment-size", "S", "size of a log segment", false, size(&Options::segment_size, 16 * kib, gib),
       size_of(&Options::segment_size)},
      {"snapshot-log-size", "S", "log kept before a snapshot is taken and segments go", false,
       size(&Options::snapshot_log_size, 1, std::uint64_t{1} << 50), size_of(&Options::snapshot_log_size)},
      {"max-value", "S", "the largest value", false, size(&Options::max_value, 0, 16 * mib),
       size_of(&Options::max_value)},
      {"max-pending", "S", "admission limit in bytes of requests not yet answered", false,
       size(&Options::max_pending, 1, 16 * gib), size_of(&Options::max_pending)},
      {"max-sessions", "N", "exactly-once sessions kept, the least recently used forgotten first; on all members alike",
       false, count(&Options::max_sessions, 1, 10'000'000), count_of(&Options::max_sessions)},
      {"request-timeout", "D", "every request is answered within this", false,
       duration(&Options::request_timeout, milliseconds(50), hours(1)), duration_of(&Options::request_timeout)},
      later("http", "HOST:PORT", "/metrics, /health, /ready and the status page", ""),
      {"log-level", "L", "debug, info, warning or error; to standard error, one event a line", false,
       choice(&Options::log_level, log_levels), choice_of(&Options::log_level, log_levels)},
      {"log-format", "text|json", "of the events", false, choice(&Options::log_format, log_formats),
       choice_of(&Options::log_format, log_formats)},
      {"rejoin", "", "this node lost its data directory and comes back under its old id", false, read_rejoin,
       [](const Options& options) { return std::string(options.rejoin ? "true" : "false"); }},
      {"run-dir", "DIR",
       "where the mark of a running, unpoisoned log is kept, off the data's disk; empty: /run/strata, else strata "
       "under "
       "$XDG_RUNTIME_DIR, else the data directory",
       false, text(&Options::run_dir, true), text_of(&Options::run_dir)},
      {"boot-id-file", "FILE", "where the kernel's boot id is read", false, text(&Options::boot_id_file),
       text_of(&Options::boot_id_file)},
  };
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

Result<void> check(const Options& options) {
  const bool listed = std::ranges::any_of(options.cluster, [&](const auto& member) { return member.id == options.id; });
  if (!options.cluster.empty() && !listed) {
    return invalid(
        fmt::format("--cluster: node {} (--id) is not in it; name every member, this one included", options.id));
  }
  if (options.election_timeout < 2 * options.heartbeat_interval) {
    return invalid("--election-timeout: it must be at least twice --heartbeat-interval");
  }
  return {};
}

}  // namespace strata::node
