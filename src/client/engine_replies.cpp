#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "client/engine.hpp"
#include "client/probe.hpp"

// What the connections say: replies, and their own beginning and end.
namespace strata::client {

namespace {

ErrorCode code_of(wire::ErrorCode code) {
  switch (code) {
    case wire::ErrorCode::bad_request:
      return ErrorCode::bad_request;
    case wire::ErrorCode::too_large:
      return ErrorCode::too_large;
    case wire::ErrorCode::busy:
      return ErrorCode::busy;
    case wire::ErrorCode::unavailable:
      return ErrorCode::unavailable;
    case wire::ErrorCode::conflict:
      return ErrorCode::conflict;
    case wire::ErrorCode::stale_number:
      return ErrorCode::stale_number;
    case wire::ErrorCode::unknown:
      return ErrorCode::unknown;
  }
  STRATA_ASSERT(false);
}

Error error_of(wire::ErrorReply&& reply) {
  Error error{code_of(reply.code), std::move(reply.text)};
  if (reply.revision) {
    error.revision = reply.revision->value;
  }
  return error;
}

}  // namespace

void Client::Engine::finish(Number number, Error error) {
  Callback done = requests_.remove(number);
  outstanding_.fetch_sub(1, std::memory_order_relaxed);
  if (auto* set = std::get_if<SetCallback>(&done)) {
    (*set)(Outcome<Stored>(std::move(error)));
  } else if (auto* get = std::get_if<GetCallback>(&done)) {
    (*get)(Outcome<std::optional<Found>>(std::move(error)));
  } else {
    std::get<StatusCallback>(done)(Outcome<std::string>(std::move(error)));
  }
}

template <class T>
void Client::Engine::finish_with(Number number, T value) {
  Callback done = requests_.remove(number);
  outstanding_.fetch_sub(1, std::memory_order_relaxed);
  std::get<std::function<void(Outcome<T>)>>(done)(Outcome<T>(std::move(value)));
}

void Client::Engine::on_message(Connection& connection) {
  const auto frames = message_.frames();
  connection.node.waiting_since = now_;
  Number number = 0;
  if (frames.size() < 3 || frames[0].size() != sizeof number || !frames[1].empty()) {
    return;
  }
  std::memcpy(&number, frames[0].data(), sizeof number);
  if (number == probe_number) {
    on_probe_answer(connection.node);
    return;
  }
  Request* request = requests_.find(number);
  // An answer to an earlier sending of a request that was answered since, or that timed out, finds no request.
  if (request != nullptr) {
    on_reply(number, *request);
  }
}

void Client::Engine::leave_connection(Request& request) {
  if (request.connection != nullptr) {
    --request.connection->node.in_flight;
    request.connection = nullptr;
  }
}

void Client::Engine::on_reply(Number number, Request& request) {
  std::optional<wire::ReplyBody> reply = wire::decode_reply_body(message_.frames().subspan(2), request.body);
  const bool was_sent = request.connection != nullptr;
  leave_connection(request);
  if (!reply) {
    const bool in_doubt = request.is_set() && was_sent;
    finish(number, {in_doubt ? ErrorCode::unknown : ErrorCode::unavailable, "the node's answer is not understood"});
  } else if (auto* set = std::get_if<wire::SetReply>(&*reply)) {
    finish_with(number, Stored{set->revision.value, set->durability == Durability::synced});
  } else if (auto* get = std::get_if<wire::GetReply>(&*reply)) {
    finish_with(number, std::optional(Found{std::move(get->value), get->revision.value}));
  } else if (std::holds_alternative<wire::NoneReply>(*reply)) {
    finish_with(number, std::optional<Found>());
  } else if (auto* status = std::get_if<wire::StatusReply>(&*reply)) {
    finish_with(number, std::move(status->json));
  } else {
    on_error(number, request, std::move(std::get<wire::ErrorReply>(*reply)));
  }
}

void Client::Engine::on_error(Number number, Request& request, wire::ErrorReply&& reply) {
  Error error = error_of(std::move(reply));
  const bool refused = error.code == ErrorCode::busy || error.code == ErrorCode::unavailable;
  const bool in_doubt = error.code == ErrorCode::unknown && request.is_repeatable();
  if (request.is_status() || (!refused && !in_doubt)) {
    finish(number, std::move(error));
    return;
  }
  suspicious_ = suspicious_ || error.code == ErrorCode::unavailable;
  request.maybe_applied = request.maybe_applied || (in_doubt && request.is_set());
  request.refusal = std::move(error);
  pause(number, request);
}

void Client::Engine::on_probe_answer(Node& node) {
  const wire::RequestBody question = wire::StatusRequest{};
  std::optional<wire::ReplyBody> reply = wire::decode_reply_body(message_.frames().subspan(2), question);
  const auto* body = reply ? std::get_if<wire::StatusReply>(&*reply) : nullptr;
  const std::optional<NodeStatus> status = body == nullptr ? std::nullopt : parse_status(body->json);
  node.asked.reset();
  if (!status) {
    return;
  }
  cluster_.learn(node, *status, now_);
  if (&node == cluster_.target() && (status->leader == status->id || !cluster_.target_leads())) {
    suspicious_ = false;
  }
  choose_target();
}

// ---- The beginning and the end of connections ----

void Client::Engine::on_state_change(Connection& connection) {
  Node& node = connection.node;
  switch (connection.link.state()) {
    case Link::State::connecting:
      return;
    case Link::State::ready:
      node.refused = false;
      choose_target();
      if (!is_settled()) {
        ask(node);
      }
      return;
    case Link::State::refused:
      node.refused = true;
      fail_questions(node, fmt::format("{} refuses connections", node.endpoint));
      return;
    case Link::State::lost:
      drain(connection);
      node.asked.reset();
      choose_target();
      settle_lost(connection);
      return;
  }
}

void Client::Engine::settle_lost(Connection& connection) {
  const std::string why = fmt::format("the connection to {} was lost before the answer came", connection.node.endpoint);
  for (const Number number : requests_.all()) {
    Request* request = requests_.find(number);
    if (request == nullptr || request->connection != &connection) {
      continue;
    }
    leave_connection(*request);
    if (request->is_status()) {
      finish(number, {ErrorCode::cannot_connect, why});
    } else if (request->is_repeatable()) {
      request->maybe_applied = request->is_set();
      enqueue(number, *request);
    } else {
      finish(number, {ErrorCode::unknown, why});
    }
  }
}

void Client::Engine::fail_questions(Node& node, const std::string& why) {
  for (const Number number : std::exchange(node.questions, {})) {
    if (requests_.find(number) != nullptr) {
      finish(number, {ErrorCode::cannot_connect, why});
    }
  }
}

}  // namespace strata::client
