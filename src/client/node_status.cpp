#include "client/node_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace strata::client {

namespace {

namespace json = boost::json;

std::uint64_t number_in(const json::object& object, std::string_view name) {
  const json::value* field = object.if_contains(name);
  if (field == nullptr || !field->is_number()) {
    return 0;
  }
  json::error_code error;
  const auto number = field->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

std::uint16_t id_in(const json::object& object, std::string_view name) {
  const std::uint64_t number = number_in(object, name);
  return number > UINT16_MAX ? std::uint16_t{0} : static_cast<std::uint16_t>(number);
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* field = object.if_contains(name);
  return field != nullptr && field->is_string() ? std::string(field->get_string()) : std::string();
}

MemberStatus member_of(const json::object& object) {
  MemberStatus member{.id = id_in(object, "id"), .clients = {}};
  const json::value* clients = object.if_contains("clients");
  if (clients != nullptr && clients->is_array()) {
    for (const json::value& endpoint : clients->get_array()) {
      if (endpoint.is_string()) {
        member.clients.emplace_back(endpoint.get_string());
      }
    }
  }
  return member;
}

std::vector<MemberStatus> members_of(const json::object& object) {
  std::vector<MemberStatus> members;
  const json::value* field = object.if_contains("members");
  if (field != nullptr && field->is_array()) {
    for (const json::value& member : field->get_array()) {
      if (member.is_object()) {
        members.push_back(member_of(member.get_object()));
      }
    }
  }
  return members;
}

}  // namespace

std::optional<NodeStatus> parse_status(std::string_view text) {
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) {
    return std::nullopt;
  }
  const json::object& object = parsed.get_object();
  if (!object.contains("id") || !object.contains("leader") || !object.contains("term")) {
    return std::nullopt;
  }
  NodeStatus status;
  status.id = id_in(object, "id");
  status.version = text_in(object, "version");
  status.role = text_in(object, "role");
  status.leader = id_in(object, "leader");
  status.term = number_in(object, "term");
  status.generation = number_in(object, "generation");
  status.commit = number_in(object, "commit");
  status.applied = number_in(object, "applied");
  status.synced = number_in(object, "synced");
  status.keys = number_in(object, "keys");
  status.ack = text_in(object, "ack");
  status.uptime_s = number_in(object, "uptime_s");
  const json::value* at_risk = object.if_contains("at_risk");
  if (at_risk != nullptr && at_risk->is_object()) {
    status.at_risk_entries = number_in(at_risk->get_object(), "entries");
  }
  status.members = members_of(object);
  return status;
}

std::string json_string(std::string_view text) {
  return json::serialize(json::string(text));
}

bool is_utf8(std::string_view bytes) {
  // The parser checks UTF-8 in strings; what it must not see unescaped is replaced first.
  std::string quoted = "\"";
  for (const char byte : bytes) {
    const bool special = byte == '"' || byte == '\\' || (byte >= 0 && byte < 0x20);
    quoted.push_back(special ? ' ' : byte);
  }
  quoted.push_back('"');
  json::error_code error;
  json::parse(quoted, error);
  return !error;
}

bool is_wildcard(std::string_view endpoint) {
  return endpoint.find("//*") != std::string_view::npos || endpoint.find("//0.0.0.0:") != std::string_view::npos ||
         endpoint.find("//[::]") != std::string_view::npos || endpoint.ends_with(":*");
}

std::string reach_sentence(std::span<const NodeReach> nodes) {
  std::size_t reachable = 0;
  std::string missing;
  for (const NodeReach& node : nodes) {
    if (node.reach == Reach::answers) {
      ++reachable;
      continue;
    }
    missing += missing.empty() ? "" : ", ";
    missing += node.name + (node.reach == Reach::refused ? " refused" : " timed out");
  }
  const std::string sentence =
      fmt::format("{} of {} nodes reachable, {} needed", reachable, nodes.size(), nodes.size() / 2 + 1);
  return missing.empty() ? sentence : fmt::format("{} ({})", sentence, missing);
}

}  // namespace strata::client
