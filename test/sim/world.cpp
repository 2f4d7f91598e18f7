#include "sim/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/disk_image.hpp"

namespace strata::sim {

namespace {

constexpr Duration watch_interval = std::chrono::milliseconds(250);
constexpr Duration look_interval = std::chrono::milliseconds(1);

}  // namespace

World::World(const Plan& plan, std::FILE* trace_to, Without without)
    : plan_(plan),
      trace_(scheduler_, trace_to),
      random_(plan.seed, Purpose::network, 1),
      without_(without),
      oracles_([this](Invariant invariant, const std::string& what) { violated(invariant, what); },
               [this](LogIndex first) { lost_from(first); }),
      network_(scheduler_, trace_, Random(plan.seed, Purpose::network)),
      surroundings_{plan_,
                    scheduler_,
                    trace_,
                    network_,
                    oracles_,
                    [this](const wire::ClientReply& reply) { answer(reply); },
                    [this](Invariant invariant, const std::string& what) { violated(invariant, what); }},
      client_surroundings_{plan_,
                           scheduler_,
                           trace_,
                           oracles_,
                           history_,
                           [this](NodeId node, wire::ClientRequest request) { deliver(node, std::move(request)); },
                           [this](Invariant invariant, const std::string& what) { violated(invariant, what); }} {
  for (std::uint16_t id = 1; id <= plan_.nodes; ++id) {
    machines_.push_back(std::make_unique<Machine>(NodeId(id), surroundings_));
  }
  core_ = nodes();
  for (std::uint32_t id = 1; id <= plan_.clients; ++id) {
    clients_.push_back(std::make_unique<Client>(id, client_surroundings_));
  }
  watch_answers();
}

void World::fail(const std::string& what) {
  trace_.text(NodeId(), what);
  if (!failure_) {
    failure_ = what;
  }
}

void World::violated(Invariant invariant, const std::string& what) {
  if (!without_.test(static_cast<std::size_t>(invariant))) {
    fail(label_of(invariant) + ": " + what);
  }
}

void World::lost_from(LogIndex first) {
  trace_.event(NodeId(), "what was committed from index {} on is gone", first);
  history_.lost_from(first);
  for (const auto& client : clients_) {
    client->lost_from(first);
  }
}

std::vector<NodeId> World::nodes() const {
  std::vector<NodeId> ids;
  for (const auto& machine : machines_) {
    ids.push_back(machine->id());
  }
  return ids;
}

void World::start_all() {
  const Watching watching(coverage_);
  for (const NodeId node : core_) {
    if (!machine(node).is_up()) {
      machine(node).start();
    }
  }
}

void World::watch_answers() {
  for (const auto& machine : machines_) {
    machine->check_answers();
  }
  scheduler_.after(watch_interval, [this] { watch_answers(); });
}

void World::deliver(NodeId node, wire::ClientRequest request) {
  if (lost_for_clients_ > 0 && random_.chance(lost_for_clients_)) {
    return;
  }
  auto arriving = std::make_unique<wire::ClientRequest>(std::move(request));
  scheduler_.after(plan_.network.least_delay + random_.skewed(plan_.network.typical_delay),
                   [this, node, arriving = std::move(arriving)] { machine(node).request(std::move(*arriving)); });
}

void World::answer(const wire::ClientReply& reply) {
  if (lost_for_clients_ > 0 && random_.chance(lost_for_clients_)) {
    return;
  }
  Client& client = *clients_.at(Client::client_of(reply.to) - 1);
  scheduler_.after(plan_.network.least_delay + random_.skewed(plan_.network.typical_delay),
                   [&client, reply = std::make_unique<wire::ClientReply>(reply)] { client.replied(*reply); });
}

std::optional<NodeId> World::leader() {
  std::optional<NodeId> newest;
  Term term;
  for (const NodeId node : core_) {
    const Machine& one = machine(node);
    if (one.leads() && one.actors().core().hard_state().term > term) {
      newest = node;
      term = one.actors().core().hard_state().term;
    }
  }
  return newest;
}

std::optional<NodeId> World::undisputed_leader() {
  const std::optional<NodeId> newest = leader();
  const bool disputed = newest && std::ranges::any_of(core_, [&](NodeId node) {
                          const Machine& other = machine(node);
                          return other.is_up() && other.actors().core().hard_state().term >
                                                      machine(*newest).actors().core().hard_state().term;
                        });
  return disputed ? std::nullopt : newest;
}

std::optional<NodeId> World::serving_leader() {
  const std::optional<NodeId> newest = leader();
  return newest && machine(*newest).leads_and_serves() ? newest : std::nullopt;
}

bool World::run_for(Duration time) {
  const Watching watching(coverage_);
  const TimePoint end = scheduler_.now() + time;
  while (!failure_ && scheduler_.run_next(end)) {
  }
  return !failure_;
}

bool World::run_until(const std::function<bool()>& done, Duration at_most) {
  const TimePoint end = scheduler_.now() + at_most;
  while (!done()) {
    if (scheduler_.now() >= end || !run_for(look_interval)) {
      return false;
    }
  }
  return true;
}

bool World::settles(Client& client, Client::Number number, Duration at_most) {
  run_until([&] { return client.fate(number) != Fate::open; }, at_most);
  return !failure_ && client.fate(number) == Fate::ok;
}

bool World::all_admitted() const {
  return std::ranges::all_of(machines_, [](const auto& machine) { return is_admitted(machine->disk()); });
}

bool World::others_know_later_start(NodeId node) const {
  const Start old = machines_.at(node.value - 1U)->start_on_old_disk();
  return old.directory != 0 && std::ranges::all_of(machines_, [&](const auto& machine) {
           const auto known = durable_start(machine->disk(), node);
           const bool knows_later =
               known && (known->directory != old.directory || known->incarnation > old.incarnation);
           return machine->id() == node || knows_later;
         });
}

bool World::may_lose_a_disk() const {
  return all_admitted() && std::ranges::all_of(machines_, [](const auto& machine) {
           const bool is_sound = machine->is_up() && machine->actors().core().standing() == Standing::sound;
           return is_sound && !machine->actors().core().is_silent() && !machine->has_decayed() &&
                  !machine->has_old_disk();
         });
}

bool World::all_equal() {
  const Machine& first = machine(core_.front());
  for (const NodeId node : core_) {
    if (!machine(node).is_up() || !first.is_up()) {
      return false;
    }
    const kv::StateMachine& mine = machine(node).actors().state();
    const kv::StateMachine& other = first.actors().state();
    if (mine.applied() != other.applied() || mine.digest() != other.digest()) {
      return false;
    }
  }
  return true;
}

}  // namespace strata::sim
