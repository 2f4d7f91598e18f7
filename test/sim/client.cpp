#include "sim/client.hpp"

#include <fmt/format.h>

#include <utility>

namespace strata::sim {

namespace {

wire::ClientAddress address_of(std::uint32_t client, std::uint64_t number) {
  wire::ClientAddress address;
  ByteWriter writer(address.packed);
  writer.number(client);
  writer.number(number);
  return address;
}

// These say that a SET was certainly not appended.
bool says_not_applied(wire::ErrorCode code) {
  return code != wire::ErrorCode::unknown;
}

}  // namespace

Client::Client(std::uint32_t id, ClientSurroundings& surroundings)
    : id_(id), surroundings_(surroundings), random_(surroundings.plan.seed, Purpose::clients, id) {
  favourite_ = draw_node();
}

std::uint32_t Client::client_of(const wire::ClientAddress& address) {
  ByteReader reader(address.packed);
  return reader.number<std::uint32_t>();
}

void Client::start() {
  running_ = true;
  for (std::size_t slot = 0; slot < surroundings_.plan.in_flight; ++slot) {
    schedule_next();
  }
}

NodeId Client::draw_node() {
  return NodeId(static_cast<std::uint16_t>(1 + random_.below(surroundings_.plan.nodes)));
}

Bytes Client::draw_key() {
  return fmt::format("key-{}", random_.below(surroundings_.plan.keys));
}

void Client::schedule_next() {
  surroundings_.scheduler.after(random_.skewed(surroundings_.plan.think_time), [this] { next_request(); });
}

void Client::next_request() {
  if (!running_) {
    return;
  }
  if (random_.chance(50)) {
    favourite_ = draw_node();
  }
  const Bytes key = draw_key();
  const bool is_set = random_.chance(surroundings_.plan.sets);
  const std::size_t size = random_.below(surroundings_.plan.value_size + 1);
  const Number number = is_set ? set(favourite_, key, size) : get(favourite_, key);
  requests_.at(number).slot = true;
  surroundings_.scheduler.after(surroundings_.plan.client_patience, [this, number] { give_up(number); });
}

Client::Number Client::set(NodeId node, const Bytes& key, std::size_t value_size) {
  Request request;
  request.name = write_name(id_, last_number_ + 1);
  request.operation = surroundings_.history.invoke_set(key, request.name, surroundings_.scheduler.now());
  wire::SetRequest set;
  set.key = key;
  set.value = value_of(request.name, value_size);
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {}", id_, node, last_number_ + 1);
  return send(node, std::move(set), request);
}

Client::Number Client::set_once(NodeId node, const Bytes& key, std::size_t value_size) {
  Request request;
  request.name = write_name(id_, last_number_ + 1);
  request.operation = surroundings_.history.invoke_set(key, request.name, surroundings_.scheduler.now());
  wire::SetRequest set;
  set.key = key;
  set.value = value_of(request.name, value_size);
  set.once = wire::Once{fmt::format("client-{}", id_), last_number_ + 1, std::nullopt};
  request.once = set;
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {}, once", id_, node, last_number_ + 1);
  return send(node, std::move(set), std::move(request));
}

void Client::repeat(Number number, NodeId node) {
  Request& request = requests_.at(number);
  request.fate = Fate::open;
  const Number copy = ++last_number_;
  repeats_.emplace(copy, number);
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {} again", id_, node, number);
  surroundings_.send(node, {address_of(id_, copy), *request.once});
}

Client::Number Client::get(NodeId node, const Bytes& key) {
  Request request;
  request.operation = surroundings_.history.invoke_get(key, surroundings_.scheduler.now());
  wire::GetRequest get;
  get.key = key;
  surroundings_.trace.event(NodeId(), "client {} asks node {} for GET {}", id_, node, last_number_ + 1);
  return send(node, std::move(get), request);
}

Client::Number Client::send(NodeId node, wire::RequestBody body, Request request) {
  const Number number = ++last_number_;
  request.node = node;
  requests_.emplace(number, std::move(request));
  surroundings_.send(node, {address_of(id_, number), std::move(body)});
  return number;
}

Fate Client::fate(Number number) const {
  return requests_.at(number).fate;
}

// The next request does not wait for this one any more; an answer may still come.
void Client::give_up(Number number) {
  Request& request = requests_.at(number);
  if (std::exchange(request.slot, false)) {
    surroundings_.trace.event(NodeId(), "client {} waits no longer for request {}", id_, number);
    favourite_ = draw_node();
    schedule_next();
  }
}

void Client::replied(const wire::ClientReply& reply) {
  ByteReader reader(reply.to.packed);
  reader.number<std::uint32_t>();
  const auto copy = reader.number<Number>();
  const auto repeated = repeats_.find(copy);
  const Number number = repeated == repeats_.end() ? copy : repeated->second;
  Request& request = requests_.at(number);
  surroundings_.trace.event(NodeId(), "client {} has the answer to request {}: {}", id_, number, reply.body.index());
  settle(number, request, reply.body);
  if (std::exchange(request.slot, false)) {
    schedule_next();
  }
}

void Client::settle(Number, Request& request, const wire::ReplyBody& body) {
  if (request.fate == Fate::ok) {
    settle_repeat(request, body);
    return;
  }
  const TimePoint now = surroundings_.scheduler.now();
  History& history = surroundings_.history;
  if (const auto* error = std::get_if<wire::ErrorReply>(&body)) {
    settle_error(request, *error);
    return;
  }
  request.fate = Fate::ok;
  ++succeeded_;
  if (const auto* stored = std::get_if<wire::SetReply>(&body)) {
    const CommittedSet* committed = surroundings_.oracles.committed(stored->revision);
    request.revision = stored->revision;
    judge(history.stored(request.operation, stored->revision, committed, now));
  } else if (const auto* found = std::get_if<wire::GetReply>(&body)) {
    const CommittedSet* committed = surroundings_.oracles.committed(found->revision);
    request.name = name_in(found->value).value_or(WriteName());
    request.revision = found->revision;
    judge(history.found(request.operation, found->value, found->revision, committed, now));
  } else if (std::holds_alternative<wire::NoneReply>(body)) {
    judge(history.found_nothing(request.operation, now));
  }
}

void Client::settle_error(Request& request, const wire::ErrorReply& error) {
  surroundings_.trace.text(NodeId(), error.text);
  request.fate = Fate::error;
  favourite_ = draw_node();
  if (error.code == wire::ErrorCode::stale_number) {
    judge(fmt::format("client {} is told that the number of its newest write is stale", id_));
  }
  if (says_not_applied(error.code) && !request.once) {
    surroundings_.history.refused(request.operation);
    if (request.name != WriteName()) {
      surroundings_.oracles.refused(request.name);
    }
  }
}

void Client::settle_repeat(const Request& request, const wire::ReplyBody& body) {
  const auto* stored = std::get_if<wire::SetReply>(&body);
  if (stored != nullptr && stored->revision != request.revision) {
    judge(fmt::format("a repeated SET was stored at revision {} and at {}", request.revision, stored->revision));
  }
}

void Client::judge(const std::optional<std::string>& wrong) {
  if (wrong) {
    surroundings_.violated(Invariant::revisions_in_order, *wrong);
  }
}

}  // namespace strata::sim
