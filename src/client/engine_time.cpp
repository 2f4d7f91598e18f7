#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/engine.hpp"
#include "client/probe.hpp"

// What time brings: deadlines, second attempts, and the search for the leader.
namespace strata::client {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{4};
constexpr std::uint32_t max_pause_doublings = 5;
constexpr milliseconds search_interval{30};
constexpr milliseconds idle_search_interval{500};
constexpr milliseconds refresh_interval{1000};
constexpr milliseconds answer_patience{500};
constexpr milliseconds silence_patience{300};

}  // namespace

void Client::Engine::keep_time() {
  if (cluster_.target() != nullptr) {
    cluster_.connect(*cluster_.target(), now_);
  }
  if (!is_settled()) {
    cluster_.connect_to_all(now_);
  }
  ask_questions();
  expire();
  resume_paused();
  watch_for_silence();
  probe();
}

// ---- Deadlines ----

void Client::Engine::expire() {
  for (auto number = requests_.next_own_deadline(); number; number = requests_.next_own_deadline()) {
    if (requests_.find(*number)->deadline > now_) {
      break;
    }
    settle_timeout(*number, *requests_.find(*number));
  }
  for (auto number = requests_.oldest(); number; number = requests_.oldest()) {
    Request& request = *requests_.find(*number);
    if (request.deadline > now_ && !is_given_up(request)) {
      return;
    }
    settle_timeout(*number, request);
  }
}

// No node has been reachable for the time allowed, and the request has waited that long.
bool Client::Engine::is_given_up(const Request& request) const {
  const SteadyTime began = request.deadline - options_.request_timeout;
  return unreachable_since_ && request.connection == nullptr &&
         now_ - std::max(began, *unreachable_since_) >= options_.connect_timeout;
}

void Client::Engine::settle_timeout(Number number, Request& request) {
  const bool was_sent = request.connection != nullptr;
  leave_connection(request);
  const auto within = fmt::format("no answer within {} ms", options_.request_timeout / milliseconds(1));
  if (request.is_set() && (was_sent || request.maybe_applied)) {
    finish(number, {ErrorCode::unknown, within});
  } else if (request.is_status()) {
    finish(number, {ErrorCode::timed_out, "no answer in time"});
  } else if (unreachable_since_) {
    finish(number, nothing_reached());
  } else if (request.refusal) {
    finish(number, *std::exchange(request.refusal, std::nullopt));
  } else if (was_sent) {
    finish(number, {ErrorCode::timed_out, within});
  } else {
    finish(number, {ErrorCode::unavailable, "no leader: " + reach_sentence(cluster_.reach(now_))});
  }
}

Error Client::Engine::nothing_reached() const {
  return {ErrorCode::cannot_connect, "no node can be reached: " + reach_sentence(cluster_.reach(now_))};
}

// ---- Second attempts ----

void Client::Engine::pause(Number number, Request& request) {
  const milliseconds length = first_pause * (1 << std::min(request.refusals, max_pause_doublings));
  ++request.refusals;
  paused_.emplace(now_ + length, number);
}

void Client::Engine::resume_paused() {
  while (!paused_.empty() && paused_.begin()->first <= now_) {
    const Number number = paused_.begin()->second;
    paused_.erase(paused_.begin());
    const Request* request = requests_.find(number);
    if (request != nullptr) {
      enqueue(number, *request);
    }
  }
}

// ---- The search for the leader ----

bool Client::Engine::is_settled() const {
  return cluster_.target() != nullptr && !suspicious_;
}

void Client::Engine::watch_for_silence() {
  const Node* target = cluster_.target();
  if (target != nullptr && target->in_flight > 0 && now_ - target->waiting_since > silence_patience) {
    suspicious_ = true;
  }
}

void Client::Engine::probe() {
  const bool settled = is_settled();
  const bool idle = requests_.size() == 0;
  const milliseconds interval = settled ? refresh_interval : idle ? idle_search_interval : search_interval;
  if (now_ - probed_ < interval || (settled && idle)) {
    return;
  }
  probed_ = now_;
  if (cluster_.target() == nullptr) {
    choose_target();
  }
  for (const auto& node : cluster_.nodes()) {
    if (node.get() == cluster_.target() || !settled || !cluster_.target_leads()) {
      ask(*node);
    }
  }
}

void Client::Engine::ask(Node& node) {
  if (node.asked && now_ - *node.asked < answer_patience) {
    return;
  }
  Connection* connection = Cluster::pick(node);
  static const std::vector<Bytes> question = wire::encode_request_body(wire::StatusRequest{});
  if (connection != nullptr && connection->link.send(probe_number, question)) {
    node.asked = now_;
    connection->written_to = true;
  }
}

// status() calls: sent when there is a connection, failed when there can be none.
void Client::Engine::ask_questions() {
  for (const auto& node : cluster_.nodes()) {
    if (node->questions.empty()) {
      continue;
    }
    cluster_.connect(*node, now_);
    if (node->invalid) {
      fail_questions(*node, fmt::format("{} is no endpoint: tcp://HOST:PORT or ipc://PATH", node->endpoint));
    }
    std::erase_if(node->questions, [&](Number number) {
      Request* request = requests_.find(number);
      return request == nullptr || send_to(*node, number, *request);
    });
  }
}

void Client::Engine::choose_target() {
  const Node* before = cluster_.target();
  const bool changed = cluster_.choose(now_);
  if (cluster_.any_ready() != nullptr) {
    unreachable_since_.reset();
  } else if (!unreachable_since_) {
    unreachable_since_ = now_;
  }
  if (changed) {
    suspicious_ = false;
    take_back_from(before);
  }
}

// What may be sent twice is sent to the new target as well; the first answer counts.
void Client::Engine::take_back_from(const Node* node) {
  if (node == nullptr || node->in_flight == 0) {
    return;
  }
  for (const Number number : requests_.all()) {
    Request& request = *requests_.find(number);
    const bool there = request.connection != nullptr && &request.connection->node == node;
    if (there && request.is_repeatable() && !request.is_status() && !request.is_local()) {
      request.maybe_applied = request.is_set();
      leave_connection(request);
      enqueue(number, request);
    }
  }
}

}  // namespace strata::client
