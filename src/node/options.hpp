// The options of kv-node: flags, environment, configuration file, defaults (docs/operations.md). A flag beats the
// environment, the environment beats the file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/durability.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace strata::node {

struct MemberEndpoint {
  NodeId id;
  std::string endpoint;
  bool operator==(const MemberEndpoint&) const = default;
};

enum class LogFormat { text, json };

struct Options {
  NodeId id{1};
  std::vector<MemberEndpoint> cluster;  // sorted by id; empty: this node alone, without a peer endpoint
  std::string cluster_name = "strata";
  std::vector<std::string> listen{"tcp://127.0.0.1:7001"};
  std::string data_dir = "./strata-data";
  Duration fsync_interval{};
  Durability ack = Durability::synced;
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Duration election_timeout = std::chrono::milliseconds(500);
  std::uint64_t segment_size = 64 << 20;
  std::uint64_t snapshot_log_size = 256 << 20;
  std::uint64_t max_value = 1 << 20;
  std::uint64_t max_pending = 64 << 20;
  std::uint32_t max_sessions = 100'000;
  Duration request_timeout = std::chrono::seconds(5);
  bool rejoin = false;
  std::string run_dir;  // empty: where this system keeps such things (run_options.cpp)
  std::string boot_id_file = "/proc/sys/kernel/random/boot_id";
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;

  // Where each option's value came from, for --check-config: name, value, source; in the order of --help.
  struct Origin {
    std::string name;
    std::string value;
    std::string source;
  };
  std::vector<Origin> origins;
  bool check_config = false;
};

// What the command line led to: options to run with, or a text to print and an exit status.
struct CommandLine {
  Options options;
  bool exit = false;
  int status = 0;
  std::string output;  // for standard output when status is 0, else for standard error
};

// `environment` gives the value of a variable, or nullptr. Never exits, prints nothing.
CommandLine parse_command_line(int argc, const char* const* argv,
                               const std::function<const char*(const std::string&)>& environment);

// The listing of --check-config.
std::string describe(const Options& options);

}  // namespace strata::node
