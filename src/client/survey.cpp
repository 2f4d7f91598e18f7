#include "client/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace strata::client {

Survey::Survey(Client& client, const std::vector<std::string>& endpoints, std::chrono::nanoseconds limit)
    : client_(client), deadline_(std::chrono::steady_clock::now() + limit) {
  std::unique_lock lock(mutex_);
  for (const std::string& endpoint : endpoints) {
    ask(endpoint);
  }
  // Every question ends by itself, by its own timeout.
  changed_.wait(lock, [&] { return open_ == 0; });
}

void Survey::ask(const std::string& endpoint) {
  if (!answers_.try_emplace(endpoint).second) {
    return;
  }
  const auto left =
      std::max<std::chrono::nanoseconds>(deadline_ - std::chrono::steady_clock::now(), std::chrono::milliseconds(1));
  const bool taken = client_.status(
      endpoint, left, [this, endpoint](Outcome<std::string> outcome) { on_answer(endpoint, std::move(outcome)); });
  open_ += taken ? 1 : 0;
}

void Survey::on_answer(const std::string& endpoint, Outcome<std::string>&& outcome) {
  const std::lock_guard lock(mutex_);
  Answer& answer = answers_[endpoint];
  answer.answered = outcome.ok();
  if (outcome.ok()) {
    answer.json = std::move(outcome.value());
    answer.status = parse_status(answer.json);
    answer.reach = answer.status ? Reach::answers : Reach::silent;
  } else {
    answer.reach = outcome.error().code == ErrorCode::cannot_connect ? Reach::refused : Reach::silent;
  }
  if (answer.status) {
    for (const MemberStatus& member : answer.status->members) {
      for (const std::string& other : member.clients) {
        if (!is_wildcard(other)) {
          ask(other);
        }
      }
    }
  }
  if (--open_ == 0) {
    changed_.notify_all();
  }
}

std::map<std::uint16_t, std::vector<std::string>> Survey::members() const {
  std::map<std::uint16_t, std::vector<std::string>> members;
  for (const auto& [endpoint, answer] : answers_) {
    if (!answer.status) {
      continue;
    }
    members[answer.status->id].insert(members[answer.status->id].begin(), endpoint);
    for (const MemberStatus& member : answer.status->members) {
      auto& known = members[member.id];
      known.insert(known.end(), member.clients.begin(), member.clients.end());
    }
  }
  return members;
}

SurveyRow Survey::row_of(std::uint16_t id, const std::vector<std::string>& endpoints) const {
  SurveyRow row;
  row.id = id;
  for (const std::string& endpoint : endpoints) {
    const auto found = answers_.find(endpoint);
    if (found == answers_.end()) {
      row.endpoint = row.endpoint.empty() ? endpoint : row.endpoint;
      continue;
    }
    const Answer& answer = found->second;
    if (row.endpoint.empty() || (answer.reach == Reach::answers && row.reach != Reach::answers)) {
      row.endpoint = endpoint;
      row.reach = answer.reach;
      row.status = answer.status;
      row.json = answer.json;
    }
  }
  return row;
}

std::vector<SurveyRow> Survey::rows() const {
  std::vector<SurveyRow> rows;
  for (const auto& [id, endpoints] : members()) {
    rows.push_back(row_of(id, endpoints));
  }
  if (rows.empty()) {
    for (const auto& [endpoint, answer] : answers_) {
      rows.push_back({.endpoint = endpoint, .reach = answer.reach});
    }
  }
  return rows;
}

std::vector<NodeReach> reach_of(const std::vector<SurveyRow>& rows) {
  std::vector<NodeReach> nodes;
  nodes.reserve(rows.size());
  for (const SurveyRow& row : rows) {
    nodes.push_back({row.id == 0 ? row.endpoint : std::to_string(row.id), row.reach});
  }
  return nodes;
}

std::uint16_t leader_of(const std::vector<SurveyRow>& rows) {
  std::uint64_t term = 0;
  std::uint16_t leader = 0;
  for (const SurveyRow& row : rows) {
    if (row.status && row.status->leader == row.id && row.status->term >= term) {
      leader = row.id;
      term = row.status->term;
    }
  }
  return leader;
}

namespace {

constexpr std::size_t columns = 11;
using Cells = std::array<std::string, columns>;

std::string uptime(std::uint64_t seconds) {
  return seconds < 3600 ? fmt::format("{}m{:02}s", seconds / 60, seconds % 60)
                        : fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

Cells cells_of(const SurveyRow& row) {
  const std::string id = row.id == 0 ? "?" : std::to_string(row.id);
  if (!row.status) {
    Cells cells;
    cells.fill("-");
    cells.front() = id;
    cells[1] = row.reach == Reach::refused ? "refused" : row.endpoint.empty() ? "no address" : "timed out";
    cells.back() = row.endpoint;
    return cells;
  }
  const NodeStatus& s = *row.status;
  return {id,
          s.role,
          std::to_string(s.term),
          s.leader == 0 ? "none" : std::to_string(s.leader),
          std::to_string(s.commit),
          std::to_string(s.applied),
          std::to_string(s.synced),
          std::to_string(s.keys),
          std::to_string(s.at_risk_entries),
          uptime(s.uptime_s),
          row.endpoint};
}

}  // namespace

std::string status_table(const std::vector<SurveyRow>& rows) {
  std::vector<Cells> lines = {
      {"NODE", "ROLE", "TERM", "LEADER", "COMMIT", "APPLIED", "SYNCED", "KEYS", "AT RISK", "UPTIME", "ENDPOINT"}};
  std::transform(rows.begin(), rows.end(), std::back_inserter(lines), cells_of);
  std::array<std::size_t, columns> widths{};
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < columns; ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i + 1 < columns; ++i) {
      text += fmt::format("{:<{}}  ", line[i], widths[i]);
    }
    text += line.back() + "\n";
  }
  return text;
}

std::string status_json(const std::vector<SurveyRow>& rows) {
  std::string text = "[";
  for (const SurveyRow& row : rows) {
    text += text.size() > 1 ? "," : "";
    const std::string_view reach = row.reach == Reach::answers   ? "answers"
                                   : row.reach == Reach::refused ? "refused"
                                                                 : "timed out";
    text += fmt::format(R"({{"id":{},"endpoint":{},"reach":"{}","status":{}}})", row.id, json_string(row.endpoint),
                        reach, row.status ? row.json : "null");
  }
  return text + "]\n";
}

}  // namespace strata::client
