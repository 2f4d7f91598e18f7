#include "mit/harness.hpp"

#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <string>

namespace strata::mit {

namespace {

constexpr Duration longest_test = seconds(120);

sim::Plan plan_for(std::size_t servers, std::uint64_t seed, const LabOptions& options) {
  sim::Plan plan = sim::quiet_plan(seed);
  plan.nodes = servers;
  plan.clients = 1 + options.clerks;
  plan.heartbeat_interval = milliseconds(100);  // not more than ten a second
  plan.max_append_bytes = options.max_append_bytes;
  plan.snapshot_log_size = options.snapshot_log_size;
  plan.segment_size = options.segment_size;
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
  // The labs' servers know each other from the beginning; ours have to meet once (design, section 6, rule 6).
  CHECK(world_.run_until([this] { return world_.all_admitted(); }, seconds(1)));
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

std::size_t Lab::most_persisted() {
  std::size_t most = 0;
  for (Server server = 0; server < servers(); ++server) {
    most = std::max(most, persisted(server).raft_bytes);
  }
  return most;
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
