// What a node's STATUS says, as far as the client library and kv-cli use it, and the sentence about who is missing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::client {

struct MemberStatus {
  std::uint16_t id = 0;
  std::vector<std::string> clients;  // endpoints, as that node listens on them
};

struct NodeStatus {
  std::uint16_t id = 0;
  std::string version;
  std::string role;
  std::uint16_t leader = 0;  // 0: unknown
  std::uint64_t term = 0;
  std::uint64_t generation = 0;
  std::uint64_t commit = 0;
  std::uint64_t applied = 0;
  std::uint64_t synced = 0;
  std::uint64_t keys = 0;
  std::string ack;
  std::uint64_t at_risk_entries = 0;
  std::uint64_t uptime_s = 0;
  std::vector<MemberStatus> members;
};

// Fields that are missing keep their zeros; nothing when it is no JSON object with an id, a leader and a term.
std::optional<NodeStatus> parse_status(std::string_view json);

// A string as JSON, in quotes. `text` must be UTF-8.
std::string json_string(std::string_view text);
bool is_utf8(std::string_view bytes);

// An endpoint that a node listens on but nobody can connect to: a wildcard host or port.
bool is_wildcard(std::string_view endpoint);

enum class Reach { answers, refused, silent };

struct NodeReach {
  std::string name;  // the node's id, or its endpoint while its id is not known
  Reach reach = Reach::silent;
};

// "1 of 3 nodes reachable, 2 needed (2 refused, 3 timed out)"
std::string reach_sentence(std::span<const NodeReach> nodes);

}  // namespace strata::client
