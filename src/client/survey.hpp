// Asks every node of a cluster for its status at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/node_status.hpp"
#include "strata/client.hpp"

namespace strata::client {

// One node of the cluster, whether it answered or not.
struct SurveyRow {
  std::uint16_t id = 0;  // 0: not known
  std::string endpoint;  // empty: not known
  Reach reach = Reach::silent;
  std::optional<NodeStatus> status{};
  std::string json{};  // of the status
};

class Survey {
 public:
  // Asks these endpoints, and those that the answers name, until all have answered or `limit` is over. Waits.
  Survey(Client& client, const std::vector<std::string>& endpoints, std::chrono::nanoseconds limit);

  // A row for every member, by id; for every endpoint that was asked, when no answer names the members.
  std::vector<SurveyRow> rows() const;

 private:
  struct Answer {
    bool answered = false;
    Reach reach = Reach::silent;
    std::optional<NodeStatus> status{};
    std::string json{};
  };

  void ask(const std::string& endpoint);
  void on_answer(const std::string& endpoint, Outcome<std::string>&& outcome);
  std::map<std::uint16_t, std::vector<std::string>> members() const;
  SurveyRow row_of(std::uint16_t id, const std::vector<std::string>& endpoints) const;

  Client& client_;
  const std::chrono::steady_clock::time_point deadline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Answer> answers_;
  std::size_t open_ = 0;
};

std::vector<NodeReach> reach_of(const std::vector<SurveyRow>& rows);
// The id of a leader that a majority can be behind: named by an answer, and itself answering; 0: none.
std::uint16_t leader_of(const std::vector<SurveyRow>& rows);

// The table that `kv-cli status` prints.
std::string status_table(const std::vector<SurveyRow>& rows);
std::string status_json(const std::vector<SurveyRow>& rows);

}  // namespace strata::client
