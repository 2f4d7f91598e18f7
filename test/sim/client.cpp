#include "sim/client.hpp"

#include <fmt/format.h>

#include <algorithm>
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
    : id_(id),
      surroundings_(surroundings),
      random_(surroundings.plan.seed, Purpose::clients, id),
      levels_(surroundings.plan.seed, Purpose::levels, id) {
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
  const std::uint64_t number = random_.below(surroundings_.plan.keys);
  return fmt::format("key-{}", one_key_ ? 0 : number);
}

Bytes Client::draw_key_to_get() {
  const Bytes key = draw_key();
  const bool empty = random_.chance(surroundings_.plan.empty);
  return empty && !empty_keys_.empty() ? empty_keys_[random_.below(empty_keys_.size())] : key;
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
  draw_request(false);
}

void Client::watch(Number number) {
  surroundings_.scheduler.after(surroundings_.plan.client_patience, [this, number] { give_up(number); });
}

void Client::draw_request(bool extra) {
  const Plan& plan = surroundings_.plan;
  const bool is_set = random_.chance(plan.sets);
  const bool is_large = random_.chance(plan.large);
  const std::size_t size = random_.below((is_large ? plan.large_value_size : plan.value_size) + 1);
  const Number number = is_set ? draw_set(draw_key(), size) : get(favourite_, draw_key_to_get());
  Request& request = requests_.at(number);
  request.slot = true;
  request.extra = extra;
  watch(number);
}

Client::Number Client::draw_set(const Bytes& key, std::size_t value_size) {
  if (random_.chance(surroundings_.plan.empty)) {
    return set_empty(favourite_);
  }
  const std::uint64_t kind = random_.below(1000);
  if (kind < surroundings_.plan.once) {
    return begin_once(key, value_size);
  }
  if (kind < surroundings_.plan.once + surroundings_.plan.conditional) {
    return set_if(favourite_, key, value_size);
  }
  return set(favourite_, key, value_size);
}

Client::Session Client::take_session() {
  if (free_sessions_.empty()) {
    return {++sessions_, newest_seen_};
  }
  const Session session = free_sessions_.back();
  free_sessions_.pop_back();
  return session;
}

Client::Number Client::begin_once(const Bytes& key, std::size_t value_size) {
  const Number number = send_once(favourite_, key, value_size, take_session());
  if (random_.chance(surroundings_.plan.impatient)) {
    repeat(number, draw_node());
  }
  return number;
}

void Client::burst(std::size_t requests) {
  for (; running_ && requests > 0; --requests) {
    draw_request(true);
  }
}

// What may be repeated is asked for again; of the rest it will never be known whether it was done.
void Client::reconnect(NodeId node) {
  if (!running_) {
    return;
  }
  surroundings_.trace.event(NodeId(), "client {} connects to node {}", id_, node);
  favourite_ = node;
  left_ = last_number_;
  std::size_t slots = 0;
  for (auto& [number, request] : requests_) {
    if (request.slot && request.once) {
      repeat(number, node);
      watch(number);
    } else if (std::exchange(request.slot, false) && !request.extra) {
      ++slots;
    }
  }
  for (; slots > 0; --slots) {
    draw_request(false);
  }
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

Client::Number Client::set_empty(NodeId node) {
  Request request;
  request.name = write_name(id_, last_number_ + 1);
  const Bytes key = key_of_empty(request.name);
  empty_keys_.push_back(key);
  request.operation = surroundings_.history.invoke_set(key, request.name, surroundings_.scheduler.now());
  wire::SetRequest set;
  set.key = key;
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {}, of nothing", id_, node, last_number_ + 1);
  return send(node, std::move(set), request);
}

Client::Number Client::set_if(NodeId node, const Bytes& key, std::size_t value_size) {
  const auto seen = seen_.find(key);
  const LogIndex only_if = seen == seen_.end() ? LogIndex() : seen->second;
  Request request;
  request.name = write_name(id_, last_number_ + 1);
  request.operation = surroundings_.history.invoke_set(key, request.name, surroundings_.scheduler.now(), only_if);
  wire::SetRequest set;
  set.key = key;
  set.value = value_of(request.name, value_size);
  set.if_revision = only_if;
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {} if it has revision {}", id_, node,
                            last_number_ + 1, only_if);
  return send(node, std::move(set), std::move(request));
}

Client::Number Client::set_once(NodeId node, const Bytes& key, std::size_t value_size, std::uint32_t session) {
  return send_once(node, key, value_size, {session, std::nullopt});
}

Client::Number Client::send_once(NodeId node, const Bytes& key, std::size_t value_size, Session session) {
  Request request;
  request.name = write_name(id_, last_number_ + 1);
  request.operation = surroundings_.history.invoke_set(key, request.name, surroundings_.scheduler.now());
  wire::SetRequest set;
  set.key = key;
  set.value = value_of(request.name, value_size);
  set.once = wire::Once{fmt::format("client-{}-{}", id_, session.number), last_number_ + 1, session.since};
  request.once = set;
  request.session = session;
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {}, once", id_, node, last_number_ + 1);
  return send(node, std::move(set), std::move(request));
}

void Client::repeat(Number number, NodeId node) {
  Request& request = requests_.at(number);
  request.fate = request.fate == Fate::ok ? Fate::ok : Fate::open;
  const Number copy = ++last_number_;
  repeats_.emplace(copy, number);
  surroundings_.trace.event(NodeId(), "client {} asks node {} for SET {} again", id_, node, number);
  deliver(node, copy, *request.once);
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
  deliver(node, number, std::move(body));
  return number;
}

// A repeat asks for a durability of its own.
void Client::deliver(NodeId node, Number number, wire::RequestBody body) {
  const bool drawn = levels_.chance(surroundings_.plan.synced);
  wire::ClientAddress address = address_of(id_, number);
  if (drawn || synced_) {
    surroundings_.oracles.asked_for_synced(address);
    if (auto* set = std::get_if<wire::SetRequest>(&body)) {
      set->synced = true;
    } else {
      std::get<wire::GetRequest>(body).synced = true;
    }
  }
  surroundings_.send(node, {std::move(address), std::move(body)});
}

Fate Client::fate(Number number) const {
  return requests_.at(number).fate;
}

// The next request does not wait for this one any more, or it is repeated; an answer may still come.
void Client::give_up(Number number) {
  Request& request = requests_.at(number);
  if (request.slot) {
    surroundings_.trace.event(NodeId(), "client {} waits no longer for request {}", id_, number);
    favourite_ = draw_node();
    end_slot(number, request);
  }
}

// A ONCE is over when it was answered OK or its session may be forgotten, any other request when nobody waits for it
// any more.
void Client::end_slot(Number number, Request& request) {
  if (request.once && request.fate != Fate::ok && !request.stale) {
    repeat_soon(number, request);
    return;
  }
  request.slot = false;
  if (request.once) {
    if (random_.chance(100)) {
      repeat(number, draw_node());  // it is answered as it was, or its number is stale by then
    }
    if (!request.stale) {
      free_sessions_.push_back(request.session);
    }
  }
  if (!request.extra) {
    schedule_next();
  }
}

void Client::repeat_soon(Number number, Request& request) {
  if (running_ && !std::exchange(request.repeating, true)) {
    surroundings_.scheduler.after(random_.skewed(surroundings_.plan.think_time),
                                  [this, number] { repeat_now(number); });
  }
}

void Client::repeat_now(Number number) {
  Request& request = requests_.at(number);
  request.repeating = false;
  if (running_ && request.slot) {
    repeat(number, draw_node());
    watch(number);
  }
}

void Client::replied(const wire::ClientReply& reply) {
  ByteReader reader(reply.to.packed);
  reader.number<std::uint32_t>();
  const auto copy = reader.number<Number>();
  if (copy <= left_) {
    return;
  }
  const auto repeated = repeats_.find(copy);
  const Number number = repeated == repeats_.end() ? copy : repeated->second;
  Request& request = requests_.at(number);
  surroundings_.trace.event(NodeId(), "client {} has the answer to request {}: {}", id_, number, reply.body.index());
  settle(number, request, reply.body);
  if (request.slot) {
    end_slot(number, request);
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
  if (settle_gone(request, body)) {
    return;
  }
  if (const auto* stored = std::get_if<wire::SetReply>(&body)) {
    const CommittedSet* committed = surroundings_.oracles.committed(stored->revision);
    request.revision = stored->revision;
    if (committed != nullptr) {
      saw(committed->key, stored->revision);
    }
    judge(history.stored(request.operation, stored->revision, committed, now));
  } else if (const auto* found = std::get_if<wire::GetReply>(&body)) {
    const CommittedSet* committed = surroundings_.oracles.committed(found->revision);
    request.name = name_of(found->key, found->value).value_or(WriteName());
    request.revision = found->revision;
    saw(found->key, found->revision);
    judge(history.found(request.operation, found->value, found->revision, committed, now));
  } else if (std::holds_alternative<wire::NoneReply>(body)) {
    judge(history.found_nothing(request.operation, now));
  }
}

// Answered before losses of power took it, and the answer comes after that.
bool Client::settle_gone(Request& request, const wire::ReplyBody& body) {
  const auto* stored = std::get_if<wire::SetReply>(&body);
  const auto* found = std::get_if<wire::GetReply>(&body);
  if (stored == nullptr && found == nullptr) {
    return false;
  }
  const LogIndex revision = stored != nullptr ? stored->revision : found->revision;
  const WriteName name = stored != nullptr ? request.name : name_of(found->key, found->value).value_or(WriteName());
  const CommittedSet* committed = surroundings_.oracles.committed(revision);
  const bool is_there = committed != nullptr && committed->name == name;
  if (is_there || !surroundings_.oracles.has_gone(revision, name)) {
    return false;
  }
  request.name = name;
  request.revision = revision;
  surroundings_.history.answered_with_what_is_gone(request.operation);
  return true;
}

// Revisions compare only within one generation: a client that learns of a new one forgets what it saw of the old. Where
// its sessions began stays as they have told it: another beginning would make new ones of them.
void Client::lost_from(LogIndex first) {
  const LogIndex last(first.value - 1);
  std::erase_if(seen_, [&](const auto& seen) { return seen.second > last; });
  newest_seen_ = std::min(newest_seen_, last);
}

void Client::saw(const Bytes& key, LogIndex revision) {
  seen_[key] = std::max(seen_[key], revision);
  newest_seen_ = std::max(newest_seen_, revision);
}

void Client::settle_error(Request& request, const wire::ErrorReply& error) {
  surroundings_.trace.text(NodeId(), error.text);
  request.fate = Fate::error;
  favourite_ = draw_node();
  request.stale = request.stale || error.code == wire::ErrorCode::stale_number;
  if (error.code == wire::ErrorCode::stale_number && !surroundings_.plan.max_sessions) {
    judge(fmt::format("client {} is told that the number of its newest write is stale", id_));
  }
  if (says_not_applied(error.code) && !request.once) {
    surroundings_.history.refused(request.operation);
    // A CONFLICT stands in the log, and stored nothing.
    if (request.name != WriteName() && error.code != wire::ErrorCode::conflict) {
      surroundings_.oracles.refused(request.name);
    }
  }
}

void Client::settle_repeat(const Request& request, const wire::ReplyBody& body) {
  const auto* stored = std::get_if<wire::SetReply>(&body);
  const bool first_is_gone = surroundings_.oracles.has_gone(request.revision, request.name);
  if (stored != nullptr && stored->revision != request.revision && !first_is_gone) {
    judge(fmt::format("a repeated SET was stored at revision {} and at {}", request.revision, stored->revision));
  }
}

void Client::judge(const std::optional<std::string>& wrong) {
  if (wrong) {
    surroundings_.violated(Invariant::revisions_in_order, *wrong);
  }
}

}  // namespace strata::sim
