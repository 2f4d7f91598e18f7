#include "exhaustive/search.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "base/assert.hpp"
#include "exhaustive/invariants.hpp"
#include "exhaustive/start.hpp"

namespace strata::exhaustive {

Search::Search(const Scope& scope, bool symmetric)
    : scope_(scope), symmetric_(symmetric), nodes_(scope), places_(1 << 16, FlatMap::none) {
  STRATA_ASSERT(scope.nodes >= 1 && scope.nodes <= max_nodes);
  insert(canonical(start(scope_, nodes_)), 0);
  level_end_ = 1;
}

std::optional<Violation> Search::run(std::size_t limit) {
  limit_ = limit;
  clusters_.reserve(limit * scope_.nodes);
  parents_.reserve(limit);
  while (!violation_ && states() < limit_ && !complete()) {
    if (expanded_ == level_end_) {
      level_end_ = states();
      ++depth_;
    }
    expand(expanded_);
    if (states() < limit_) {  // else it may have been left in the midst
      ++expanded_;
    }
  }
  return violation_;
}

// ---- What may happen ----

Search::Totals Search::totals(const Cluster& of) const {
  Totals totals;
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    const Machine& machine = nodes_.machine(of[node]);
    const Spent& spent = machine.spent();
    totals.spent.elections += spent.elections;
    totals.spent.commands += spent.commands;
    totals.spent.reads += spent.reads;
    totals.spent.crashes += spent.crashes;
    totals.spent.power_losses += spent.power_losses;
    totals.spent.disk_losses += spent.disk_losses;
    totals.spent.stalls += spent.stalls;
    totals.committed = std::max(totals.committed, LogIndex(machine.committed().size()));
  }
  return totals;
}

void Search::list_events(const Cluster& of, const Totals& totals, std::size_t node, std::vector<Event>& events) const {
  events.clear();
  const Machine& machine = nodes_.machine(of[node]);
  for (std::size_t other = 0; other < scope_.nodes; ++other) {
    if (other != node) {
      for (const PacketId packet : nodes_.sent(of[other], machine.self())) {
        events.emplace_back(Happening::message, packet);
      }
    }
  }
  const std::vector<Event>& own = nodes_.own_events(of[node]);
  events.insert(events.end(), own.begin(), own.end());
  list_budgeted_events(machine, totals, events);
  // The same once more with a disk that does not follow at once; where there is nothing for it to do, the state will be
  // the same, too.
  if (machine.disk().idle() && totals.spent.stalls < scope_.stalls) {
    for (std::size_t place = 0, count = events.size(); place < count; ++place) {
      events.emplace_back(events[place].what(), events[place].number(), true);
    }
  }
}

void Search::list_budgeted_events(const Machine& machine, const Totals& totals, std::vector<Event>& events) const {
  const raft::Core& core = machine.core();
  if (!core.leading() && !core.is_silent() && core.hard_state().term.value < scope_.terms &&
      totals.spent.elections < scope_.elections) {
    events.emplace_back(Happening::election_due, 0);
  }
  if (core.leading() && totals.spent.commands < scope_.commands) {
    events.emplace_back(Happening::propose, totals.spent.commands);
  }
  if (core.leader() != NodeId(0) && totals.spent.reads < scope_.reads) {
    events.emplace_back(Happening::read, static_cast<std::uint32_t>(totals.committed.value));
  }
  if (totals.spent.crashes < scope_.crashes) {
    events.emplace_back(Happening::process_dies, 0);
  }
  if (totals.spent.power_losses < scope_.power_losses) {
    for (std::uint32_t kept = 0; kept <= machine.disk().unsynced(); ++kept) {
      events.emplace_back(Happening::power_lost, kept);
    }
  }
  if (totals.spent.disk_losses < scope_.disk_losses) {
    events.emplace_back(Happening::disk_lost, 0);
  }
}

// ---- The search ----

void Search::expand(std::size_t state) {
  current_ = cluster(state);
  const Totals spent = totals(current_);
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    list_events(current_, spent, node, events_);
    successors_.assign(1, current_[node]);
    for (std::size_t place = 0; place < events_.size() && !violation_ && states() < limit_; ++place) {
      follow(current_, node, events_[place]);
    }
  }
}

void Search::follow(const Cluster& from, std::size_t node, Event event) {
  running_ = {node, event};
  const NodeStates::Next next = nodes_.after(from[node], event);
  Cluster found = from;
  found[node] = next.state;
  if (next.notable) {
    look_at(found, node, nodes_.step(from[node], event));
  }
  if (violation_ || std::ranges::find(successors_, next.state) != successors_.end()) {
    return;
  }
  successors_.push_back(next.state);
  if (insert(canonical(found), expanded_)) {
    check(found, node);
  }
}

void Search::look_at(const Cluster& after, std::size_t node, const NodeStates::Step& step) {
  if (step.violation != 0) {
    fail(nodes_.text(step.violation), current_path(true));
    return;
  }
  std::array<const Machine*, max_nodes> members{};
  for (std::size_t member = 0; member < scope_.nodes; ++member) {
    members[member] = &nodes_.machine(after[member]);
  }
  const std::span<const Machine* const> all(members.data(), scope_.nodes);
  if (auto what = uncommitted(*members[node], step.counted, all)) {
    fail(*what, current_path(true));
  }
}

void Search::check(const Cluster& found, std::size_t node) {
  for (std::size_t other = 0; other < scope_.nodes && !violation_; ++other) {
    if (other != node) {
      if (auto what = contradiction(nodes_.machine(found[node]), nodes_.machine(found[other]))) {
        fail(*what, current_path(true));
      }
    }
  }
}

void Search::fail(std::string what, std::vector<std::string> path) {
  violation_ = Violation{std::move(what), std::move(path)};
}

// ---- The states ----

Cluster Search::cluster(std::size_t state) const {
  Cluster result{};
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    result[node] = clusters_[state * scope_.nodes + node];
  }
  return result;
}

// The least of all that are the same under other names.
Cluster Search::canonical(const Cluster& of) {
  Cluster least = of;
  const auto& renamings = nodes_.renamings();
  for (std::size_t number = 1; symmetric_ && number < renamings.size(); ++number) {
    Cluster renamed{};
    for (std::size_t node = 0; node < scope_.nodes; ++node) {
      renamed[renamings[number][node]] = nodes_.renamed(of[node], number);
    }
    least = std::min(least, renamed);
  }
  return least;
}

bool Search::insert(const Cluster& found, std::size_t parent) {
  const std::size_t place = place_of(found);
  if (places_[place] != FlatMap::none) {
    return false;
  }
  places_[place] = static_cast<std::uint32_t>(states());
  clusters_.insert(clusters_.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(scope_.nodes));
  parents_.push_back(static_cast<std::uint32_t>(parent));
  if (states() * 2 > places_.size()) {
    grow();
  }
  return true;
}

// Where this state is, or would be.
std::size_t Search::place_of(const Cluster& wanted) const {
  std::uint64_t hash = 0;
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    hash = mixed(hash + wanted[node] + 0x9e3779b97f4a7c15);
  }
  std::size_t place = hash & (places_.size() - 1);
  while (places_[place] != FlatMap::none && cluster(places_[place]) != wanted) {
    place = (place + 1) & (places_.size() - 1);
  }
  return place;
}

void Search::grow() {
  places_.assign(places_.size() * 2, FlatMap::none);
  for (std::size_t state = 0; state < states(); ++state) {
    places_[place_of(cluster(state))] = static_cast<std::uint32_t>(state);
  }
}

std::uint64_t Search::states_with_names() {
  std::uint64_t all = 0;
  for (std::size_t state = 0; state < states(); ++state) {
    const Cluster named = cluster(state);
    std::set<Cluster> others;
    for (std::size_t number = 0; number < nodes_.renamings().size(); ++number) {
      Cluster renamed{};
      for (std::size_t node = 0; node < scope_.nodes; ++node) {
        renamed[nodes_.renamings()[number][node]] = nodes_.renamed(named[node], number);
      }
      others.insert(renamed);
    }
    all += others.size();
  }
  return all;
}

}  // namespace strata::exhaustive
