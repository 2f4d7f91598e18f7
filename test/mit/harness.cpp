#include "mit/harness.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <string>

#include "kv/command.hpp"

namespace strata::mit {

namespace {

constexpr Duration longest_test = seconds(120);

sim::Plan plan_for(std::size_t servers, std::uint64_t seed, const LabOptions& options) {
  sim::Plan plan = sim::quiet_plan(seed);
  plan.nodes = servers;
  plan.clients = 1 + options.clerks;
  plan.heartbeat_interval = milliseconds(100);  // not more than ten a second
  plan.max_append_bytes = options.max_append_bytes;
  return plan;
}

}  // namespace

void for_seeds(const std::function<void(std::uint64_t seed)>& body, std::uint64_t few) {
  const char* wanted = std::getenv("STRATA_MIT_SEEDS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const std::uint64_t seeds = wanted != nullptr ? std::stoull(wanted) : few;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed ", seed);
    body(seed);
  }
}

Lab::Lab(std::size_t servers, std::uint64_t seed, const LabOptions& options)
    : world_(plan_for(servers, seed, options)),
      random_(seed, sim::Purpose::checks),
      traffic_(world_.network(), sim::Random(seed, sim::Purpose::checks, 1)),
      tester_(world_.scheduler(), sim::Random(seed, sim::Purpose::checks, 2)),
      connected_(servers, true) {
  world_.start_all();
}

Lab::~Lab() {
  tester_.halt();
  sleeping_.clear();
  CHECK(world_.failure().value_or("") == "");
  CHECK(world_.history().check().value_or("") == "");
  CHECK((world_.elapsed() <= longest_test));
  world_.network().set_watcher(nullptr);
}

// ---- Network and servers ----

void Lab::set_connected(Server server, bool connected) {
  connected_[server] = connected;
  for (Server other = 0; other < servers(); ++other) {
    if (other != server) {
      const bool cut = !connected || !connected_[other];
      world_.network().cut(node_of(server), node_of(other), cut);
      world_.network().cut(node_of(other), node_of(server), cut);
    }
  }
}

void Lab::connect_all() {
  for (Server server = 0; server < servers(); ++server) {
    connect(server);
  }
}

void Lab::partition(const std::vector<bool>& sides) {
  for (Server from = 0; from < servers(); ++from) {
    for (Server to = 0; to < servers(); ++to) {
      if (from != to) {
        world_.network().cut(node_of(from), node_of(to), sides[from] != sides[to]);
      }
    }
  }
}

void Lab::crash(Server server) {
  disconnect(server);
  machine(server).end(sim::Ending::power_lost);
}

void Lab::restart(Server server) {
  crash(server);
  machine(server).start();
}

void Lab::set_unreliable(bool unreliable) {
  sim::NetworkFaults faults;
  if (unreliable) {
    faults.least_delay = faults.typical_delay = Duration::zero();
    faults.lost = 100;
    faults.reordered = 1000;
    faults.reordered_by = milliseconds(26);
  }
  world_.network().set_faults(faults);
  world_.lose_for_clients(unreliable ? 100 : 0);
}

// ---- Leaders ----

std::optional<Term> Lab::term_if_leader(Server server) {
  return machine(server).leads() ? std::optional(term(server)) : std::nullopt;
}

std::map<Term, Server> Lab::leaders() {
  std::map<Term, Server> found;
  for (Server server = 0; server < servers(); ++server) {
    const auto leads_in = is_connected(server) ? term_if_leader(server) : std::nullopt;
    if (leads_in) {
      const bool first = found.emplace(*leads_in, server).second;
      REQUIRE_MESSAGE(first, "two servers lead in one term");
    }
  }
  return found;
}

Server Lab::check_one_leader() {
  for (int poll = 0; poll < 10; ++poll) {
    sleep(random_.between(milliseconds(450), milliseconds(550)));
    if (const auto found = leaders(); !found.empty()) {
      return found.rbegin()->second;
    }
  }
  FAIL("no server leads");
  return 0;
}

void Lab::check_no_leader() {
  CHECK(leaders().empty());
}

Term Lab::check_terms() {
  Term shared;
  for (Server server = 0; server < servers(); ++server) {
    if (is_connected(server)) {
      CHECK((shared == Term() || shared == term(server)));
      shared = term(server);
    }
  }
  return shared;
}

// ---- Commands ----

// A key for each command: so every server's dictionary shows which of them it has applied, and where.
Command Lab::offer(Server server, std::size_t size) {
  const sim::Client::Number number =
      world_.client(0).set(node_of(server), fmt::format("command-{}", ++last_key_), size);
  return sim::write_name(1, number);
}

// Its place in the log of the server, if it is there behind `from`.
std::optional<Started> Lab::find(Server server, LogIndex from, Command command) {
  const raft::Log& log = machine(server).actors().core().log();
  for (LogIndex index = std::max(from.next(), log.first_cached()); index <= log.last_index(); index = index.next()) {
    const Entry entry = log.entry(index);
    if (entry.type == EntryType::command) {
      const auto decoded = kv::decode_command(entry.payload());
      if (decoded && sim::name_in(decoded->value) == command) {
        return Started{commands_up_to(server, index), entry.term, command};
      }
    }
  }
  return std::nullopt;
}

// What is not committed is in memory, and of what is committed everybody knows the same.
Index Lab::commands_up_to(Server server, LogIndex last) {
  learn_committed();
  const raft::Core& core = machine(server).actors().core();
  const LogIndex committed = std::min(core.commit_index(), last);
  const auto behind = std::ranges::upper_bound(positions_, committed);
  auto count = static_cast<Index>(behind - positions_.begin());
  for (LogIndex index = committed.next(); index <= last; index = index.next()) {
    count += core.log().entry(index).type == EntryType::command ? 1u : 0u;
  }
  return count;
}

Script<std::optional<Started>> Lab::start_script(Server server, std::size_t size) {
  if (!machine(server).leads()) {
    co_return std::nullopt;
  }
  const LogIndex last = machine(server).actors().core().last_index();
  const Command command = offer(server, size);
  for (int poll = 0; poll < 200; ++poll) {
    co_await pause(std::chrono::microseconds(500));
    if (!machine(server).leads()) {
      break;
    }
    if (const auto started = find(server, last, command)) {
      co_return started;
    }
  }
  co_return std::nullopt;
}

std::optional<Started> Lab::start(Server server, std::size_t size) {
  return run(start_script(server, size));
}

Script<> Lab::note_start(Server server, std::vector<Started>* all) {
  const std::optional<Started> started = co_await start_script(server, small);
  if (started) {
    all->push_back(*started);
  }
}

void Lab::learn_committed() {
  const sim::Oracles& oracles = world_.oracles();
  while (learned_ < oracles.last_committed()) {
    learned_ = learned_.next();
    if (const sim::CommittedSet* set = oracles.committed(learned_)) {
      committed_.push_back(set->name);
      positions_.push_back(learned_);
    }
  }
}

const std::vector<Command>& Lab::committed() {
  learn_committed();
  return committed_;
}

std::vector<Command> Lab::committed_at(const Bytes& key) {
  learn_committed();
  std::vector<Command> found;
  for (const LogIndex position : positions_) {
    if (const sim::CommittedSet* set = world_.oracles().committed(position); set->key == key) {
      found.push_back(set->name);
    }
  }
  return found;
}

void Lab::check_states() {
  learn_committed();
  for (Server server = 0; server < servers(); ++server) {
    std::map<Bytes, LogIndex> newest;
    for (const LogIndex position : positions_) {
      if (is_up(server) && position <= machine(server).actors().state().applied()) {
        newest[world_.oracles().committed(position)->key] = position;
      }
    }
    for (const auto& [key, position] : newest) {
      has_applied(server, position, *world_.oracles().committed(position));
    }
  }
}

// The dictionary itself must say so: the labs' check that no two servers apply different commands at one index.
bool Lab::has_applied(Server server, LogIndex index, const sim::CommittedSet& set) {
  if (!is_up(server) || machine(server).actors().state().applied() < index) {
    return false;
  }
  const kv::Item* stored = machine(server).actors().state().dictionary().find(set.key);
  const bool same = stored != nullptr && stored->revision == index && sim::name_in(stored->value) == set.name;
  CHECK_MESSAGE(same, "server ", server, " has applied something else at ", index.value);
  return same;
}

Applied Lab::applied(Index index) {
  learn_committed();
  if (index > committed_.size()) {
    return {};
  }
  const LogIndex position = positions_[index - 1];
  const sim::CommittedSet* set = world_.oracles().committed(position);
  Applied found{0, set->name};
  for (Server server = 0; server < servers(); ++server) {
    found.servers += has_applied(server, position, *set) ? 1u : 0u;
  }
  return found;
}

void Lab::check_nothing_at(Index index) {
  CHECK(applied(index).servers == 0);
}

Script<Index> Lab::one_script(std::size_t expected, Retry retry, std::size_t size) {
  const TimePoint end = world_.scheduler().now() + seconds(10);
  Server next = 0;
  while (world_.scheduler().now() < end) {
    std::optional<Started> started;
    for (std::size_t tried = 0; tried < servers() && !started; ++tried) {
      const Server server = next;
      next = after(next, 1);
      if (is_connected(server)) {
        started = co_await start_script(server, size);
      }
    }
    if (!started) {
      co_await pause(milliseconds(50));
      continue;
    }
    const TimePoint patience = world_.scheduler().now() + seconds(2);
    while (world_.scheduler().now() < patience) {
      const Applied now = applied(started->index);
      if (now.servers >= expected && now.command == started->command) {
        co_return started->index;
      }
      co_await pause(milliseconds(20));
    }
    REQUIRE_MESSAGE(retry == Retry::yes, "a command is not agreed on, and may not be offered again");
  }
  FAIL("a command is not agreed on within ten seconds");
  co_return 0;
}

Index Lab::one(std::size_t expected, Retry retry, std::size_t size) {
  return run(one_script(expected, retry, size));
}

Script<> Lab::agree_script(std::size_t expected, Retry retry) {
  co_await one_script(expected, retry, small);
}

std::optional<Command> Lab::wait(Index index, std::size_t expected, std::optional<Term> while_in) {
  Duration pause = milliseconds(10);
  for (int poll = 0; poll < 30 && applied(index).servers < expected; ++poll) {
    sleep(pause);
    pause = pause < seconds(1) ? 2 * pause : pause;
    for (Server server = 0; server < servers(); ++server) {
      if (while_in && is_up(server) && term(server) > *while_in) {
        return std::nullopt;
      }
    }
  }
  const Applied now = applied(index);
  REQUIRE(now.servers >= expected);
  return now.command;
}

// ---- Time ----

void Lab::require_well() {
  REQUIRE(world_.failure().value_or("") == "");
  if (error_) {
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

void Lab::sleep(Duration time) {
  world_.run_for(time);
  require_well();
}

void Lab::spawn(Script<> script) {
  ++scripts_;
  boost::asio::any_io_executor executor = tester_.executor();
  boost::asio::co_spawn(executor, std::move(script), [this](const std::exception_ptr& error) {
    --scripts_;
    if (error && !error_) {
      error_ = error;
    }
  });
}

void Lab::run_until(const std::function<bool()>& done) {
  const bool in_time = world_.run_until([&] { return error_ || done(); }, longest_test);
  require_well();
  REQUIRE(in_time);
}

void Lab::join() {
  run_until([this] { return scripts_ == 0; });
}

Script<> Lab::pause(Duration time) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(Sleep(), boost::asio::use_awaitable,
                                                                                   this, time);
}

void Lab::wake_after(Duration time, Waiter waiter) {
  const std::uint64_t sleep = ++last_sleep_;
  sleeping_.emplace(sleep, std::move(waiter));
  world_.scheduler().after(time, [this, sleep] {
    auto slept = sleeping_.extract(sleep);
    const boost::asio::any_io_executor executor = tester_.executor();
    boost::asio::post(executor, std::move(slept.mapped()));
  });
}

}  // namespace strata::mit
