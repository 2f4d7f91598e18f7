// Each kind of fault does what it says.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/fault_kinds.hpp"
#include "sim/faults.hpp"
#include "sim/network.hpp"
#include "sim/partition.hpp"
#include "sim/plan.hpp"
#include "sim/random_run.hpp"
#include "sim/world.hpp"

namespace strata::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint at(Duration time) {
  return TimePoint(time);
}

TEST_CASE("every fault has a name of its own, and is found by it") {
  for (const FaultKind& kind : all_faults()) {
    CHECK(fault_named(kind.name) == kind.fault);
  }
  CHECK_FALSE(fault_named("no such fault").has_value());
}

// ---- Partitions ----

constexpr std::size_t five = 5;

std::vector<NodeId> five_nodes() {
  return {NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};
}

// Who is reached by the node at each place, itself included, both ways open.
std::vector<std::string> reached(Shape shape, std::size_t part = 2) {
  const Ways cut = ways_to_cut(shape, five_nodes(), part);
  const auto open = [&cut](NodeId from, NodeId to) { return std::ranges::count(cut, std::pair(from, to)) == 0; };
  std::vector<std::string> all;
  for (const NodeId from : five_nodes()) {
    std::string reached;
    for (const NodeId to : five_nodes()) {
      reached += open(from, to) && open(to, from) ? std::to_string(to.value) : "";
    }
    all.push_back(reached);
  }
  return all;
}

TEST_CASE("the shapes of partitions") {
  using Reached = std::vector<std::string>;
  CHECK(reached(Shape::isolate) == Reached{"1", "2345", "2345", "2345", "2345"});
  CHECK(reached(Shape::pair) == Reached{"1345", "2345", "12345", "12345", "12345"});
  CHECK(reached(Shape::halves) == Reached{"12", "12", "345", "345", "345"});
  CHECK(reached(Shape::bridge) == Reached{"125", "125", "345", "345", "12345"});
  CHECK(reached(Shape::ring) == Reached{"125", "123", "234", "345", "145"});
  CHECK(reached(Shape::quorum_loss) == Reached{"15", "25", "35", "45", "12345"});
  CHECK(reached(Shape::constrained) == Reached{"1", "25", "35", "45", "2345"});
  CHECK(reached(Shape::chained) == Reached{"12", "123", "234", "345", "45"});
}

TEST_CASE("one way only: a mute node hears, a deaf one is heard") {
  const Ways mute = ways_to_cut(Shape::mute, five_nodes(), 1);
  const Ways deaf = ways_to_cut(Shape::deaf, five_nodes(), 1);
  CHECK(mute.size() == five - 1);
  CHECK(deaf.size() == five - 1);
  CHECK(std::ranges::all_of(mute, [](const auto& way) { return way.first == NodeId(1); }));
  CHECK(std::ranges::all_of(deaf, [](const auto& way) { return way.second == NodeId(1); }));
}

TEST_CASE("on a ring each of seven nodes reaches a majority, and no two the same") {
  std::vector<NodeId> order = five_nodes();
  order.emplace_back(6);
  order.emplace_back(7);
  // Of the 42 ways each node keeps those to four others.
  CHECK(ways_to_cut(Shape::ring, order, 1).size() == 7 * 2);
}

// ---- The network ----

struct Wire {
  Scheduler scheduler;
  Trace trace{scheduler, nullptr};
  Network network{scheduler, trace, Random(1)};
  std::string received;
  std::vector<bool> damaged;
  std::vector<TimePoint> times;

  explicit Wire(const NetworkFaults& faults = {}) {
    network.set_faults(faults);
    connect();
  }
  void connect() {
    network.connect(NodeId(2), [this](const Arrival& arrival) {
      received += arrival.frame.view();
      damaged.push_back(arrival.damaged);
      times.push_back(scheduler.now());
    });
  }
  void send(const char* frame) { network.send(NodeId(1), NodeId(2), 0, frame); }
  std::string run() {
    while (!scheduler.idle()) {
      scheduler.run_next(TimePoint::max());
    }
    return std::exchange(received, {});
  }
};

TEST_CASE("a damaged message differs by one bit, and it is said so") {
  NetworkFaults faults;
  faults.damaged = 1000;
  Wire wire(faults);
  wire.send("a");
  const std::string arrived = wire.run();
  REQUIRE(arrived.size() == 1);
  const auto difference = static_cast<unsigned char>(arrived[0] ^ 'a');
  CHECK(difference != 0);
  CHECK((difference & (difference - 1)) == 0);
  CHECK(wire.damaged == std::vector{true});
}

TEST_CASE("a delayed message holds up what follows it") {
  NetworkFaults faults;
  faults.delayed = 1000;
  faults.delayed_by = seconds(1);
  Wire wire(faults);
  wire.send("a");
  faults.delayed = 0;
  wire.network.set_faults(faults);
  wire.send("b");
  CHECK(wire.run() == "ab");
  CHECK(wire.times[0] > at(milliseconds(10)));
  CHECK(wire.times[1] >= wire.times[0]);
}

TEST_CASE("a replayed message comes again, though its connection has ended and its receiver has started anew") {
  NetworkFaults faults;
  faults.replayed = 1000;
  Wire wire(faults);
  wire.send("a");
  while (wire.received.empty()) {
    wire.scheduler.run_next(TimePoint::max());
  }
  wire.network.disconnect(NodeId(2));
  wire.connect();
  CHECK(wire.run() == "aa");
}

TEST_CASE("a message of an earlier life may arrive after those of the next one") {
  NetworkFaults faults;
  faults.stale = 1000;
  faults.stale_by = seconds(3);
  Wire wire(faults);
  wire.send("a");
  wire.network.disconnect(NodeId(2));
  wire.connect();
  wire.network.set_faults({});
  faults.stale = 0;
  wire.network.set_faults(faults);
  wire.send("b");
  CHECK(wire.run() == "ba");
}

TEST_CASE("a connection that breaks loses what is on it, and the next one is there at once") {
  Wire wire;
  wire.send("a");
  wire.network.break_connection(NodeId(1), NodeId(2));
  wire.send("b");
  CHECK(wire.run() == "b");
}

TEST_CASE("a dead connection takes nothing until its sender has tried for long enough and built it anew") {
  Wire wire;
  wire.network.kill_connection(NodeId(1), NodeId(2));
  wire.send("a");
  wire.scheduler.run_next(wire.scheduler.now() + time_to_rebuild / 2);
  wire.send("b");
  wire.scheduler.run_next(wire.scheduler.now() + time_to_rebuild / 2);
  wire.send("c");  // with which it is built anew
  wire.send("d");
  CHECK(wire.run() == "d");
}

TEST_CASE("healing breaks what is held back for long") {
  NetworkFaults faults;
  faults.delayed = 1000;
  faults.delayed_by = seconds(100);
  Wire wire(faults);
  wire.send("a");
  wire.network.set_faults({});
  wire.network.heal();
  wire.send("b");
  CHECK(wire.run() == "b");
}

// ---- Those that strike, in a whole world ----

struct Trouble {
  World world;
  Faults faults;

  explicit Trouble(std::size_t nodes = 3) : world(plan_for(nodes)), faults(world) {
    world.start_all();
    REQUIRE(world.run_until([this] { return world.serving_leader().has_value(); }, seconds(5)));
  }
  ~Trouble() { CHECK(world.failure().value_or("") == ""); }
  Trouble(const Trouble&) = delete;
  Trouble& operator=(const Trouble&) = delete;

  static Plan plan_for(std::size_t nodes) {
    Plan plan = quiet_plan(1);
    plan.nodes = nodes;
    plan.down_time = milliseconds(100);
    return plan;
  }
  std::size_t up() {
    const std::vector<NodeId> nodes = world.nodes();
    return static_cast<std::size_t>(
        std::ranges::count_if(nodes, [this](NodeId node) { return world.machine(node).is_up(); }));
  }
  std::size_t ways_cut() {
    std::size_t count = 0;
    for (const NodeId from : world.nodes()) {
      for (const NodeId to : world.nodes()) {
        count += from != to && world.network().is_cut(from, to) ? std::size_t{1} : std::size_t{0};
      }
    }
    return count;
  }
  void gets_well() {
    CHECK(world.run_until(
        [this] { return up() == world.nodes().size() && world.serving_leader() && world.all_equal(); }, seconds(30)));
  }
};

TEST_CASE("a node that is killed or loses power comes back") {
  for (const Fault fault : {Fault::kill, Fault::power_loss}) {
    Trouble trouble;
    trouble.faults.strike(fault);
    CHECK(trouble.up() == 2);
    trouble.gets_well();
  }
}

TEST_CASE("a wide loss of power takes a majority at least") {
  Trouble trouble;
  trouble.faults.strike(Fault::wide_power_loss);
  CHECK(trouble.up() <= 1);
  trouble.gets_well();
}

TEST_CASE("a crash comes in a call to the disk, not before") {
  Trouble trouble;
  trouble.faults.strike(Fault::crash_in_call);
  trouble.gets_well();
}

TEST_CASE("a clean stop takes its time, and the node starts again") {
  Trouble trouble;
  trouble.faults.strike(Fault::clean_stop);
  CHECK(trouble.up() == 3);
  CHECK(trouble.world.run_until([&] { return trouble.up() == 2; }, seconds(3)));
  trouble.gets_well();
}

TEST_CASE("a rolling stop takes every node once, one at a time") {
  Trouble trouble;
  std::vector<NodeId> stopped;
  trouble.faults.strike(Fault::rolling_stop);
  trouble.world.run_until(
      [&] {
        CHECK(trouble.up() >= 2);
        for (const NodeId node : trouble.world.nodes()) {
          const bool is_new = !trouble.world.machine(node).is_up() && std::ranges::count(stopped, node) == 0;
          if (is_new) {
            stopped.push_back(node);
          }
        }
        return stopped.size() == 3;
      },
      seconds(60));
  CHECK(stopped.size() == 3);
  trouble.gets_well();
}

TEST_CASE("a restart storm gives one node many lives") {
  Trouble trouble;
  trouble.faults.strike(Fault::restart_storm);
  trouble.world.run_for(seconds(5));
  std::uint64_t most = 0;
  for (const NodeId node : trouble.world.nodes()) {
    most = std::max(most, trouble.world.machine(node).life());
  }
  CHECK(most >= 4);
  trouble.gets_well();
}

TEST_CASE("every shape of a partition cuts ways, and opens them again") {
  for (const Fault fault : {Fault::isolate, Fault::mute, Fault::deaf, Fault::pair, Fault::halves, Fault::bridge,
                            Fault::ring, Fault::quorum_loss, Fault::constrained, Fault::chained}) {
    Trouble trouble(5);
    trouble.faults.strike(fault);
    CHECK(trouble.ways_cut() > 0);
    CHECK(trouble.world.run_until([&] { return trouble.ways_cut() == 0; }, seconds(600)));
    trouble.gets_well();
  }
}

TEST_CASE("clogs, flaps, dead links, slowness, lateness and load are got over") {
  for (const Fault fault : {Fault::clog, Fault::swizzle_clog, Fault::flap, Fault::dead_link, Fault::pause,
                            Fault::slow_cpu, Fault::slow_disk, Fault::late_ticks, Fault::hot_key}) {
    Trouble trouble;
    trouble.faults.strike(fault);
    trouble.world.run_for(seconds(1));
    trouble.gets_well();
  }
}

TEST_CASE("a process whose write fails stops and is started again; a disk that is full or hangs ends none") {
  for (const Fault fault : {Fault::failing_write, Fault::full_disk, Fault::hung_disk}) {
    Trouble trouble(1);
    const std::uint64_t life = trouble.world.machine(NodeId(1)).life();
    trouble.faults.strike(fault);
    for (int i = 0; i < 400; ++i) {
      trouble.world.client(0).set(NodeId(1), "key", 1000);
      trouble.world.run_for(milliseconds(2));
    }
    if (fault == Fault::failing_write) {
      CHECK(trouble.world.run_until([&] { return trouble.world.machine(NodeId(1)).life() > life; }, seconds(10)));
    }
    trouble.gets_well();
    CHECK((trouble.world.machine(NodeId(1)).life() > life) == (fault == Fault::failing_write));
  }
}

TEST_CASE("a clock that leaps rings what is due by then, and the cluster gets over it") {
  Trouble trouble;
  const std::size_t before = trouble.world.oracles().elections();
  trouble.faults.strike(Fault::clock_step);
  trouble.gets_well();
  for (int i = 0; i < 10; ++i) {
    trouble.faults.strike(Fault::clock_step);
    trouble.world.run_for(milliseconds(500));
  }
  CHECK(trouble.world.oracles().elections() > before);
  trouble.gets_well();
}

TEST_CASE("a machine comes back with an empty disk, or with its old one") {
  World world(Trouble::plan_for(1), nullptr, Without().set());  // what a node promised is forgotten
  Machine& machine = world.machine(NodeId(1));
  Client& client = world.client(0);
  world.start_all();
  CHECK_FALSE(machine.bring_old_disk_back());  // it is remembered
  REQUIRE(world.settles(client, client.set(NodeId(1), "key", 10), seconds(5)));
  const std::uint64_t stored = machine.actors().state().digest();
  REQUIRE(machine.bring_old_disk_back());
  CHECK_FALSE(machine.is_up());
  machine.start();
  REQUIRE(machine.is_up());
  CHECK(machine.actors().state().digest() != stored);
  machine.replace_disk();
  CHECK_FALSE(machine.is_up());
  machine.start();
  REQUIRE(machine.is_up());
  CHECK(machine.actors().state().digest() != stored);
}

TEST_CASE("an empty disk in the place of a known one is turned away; with --rejoin its machine gets everything again") {
  World world(quiet_plan(3));
  world.start_all();
  Client& client = world.client(0);
  REQUIRE(world.settles(client, client.set(NodeId(1), "key", 10), seconds(5)));
  Machine& machine = world.machine(NodeId(2));
  machine.replace_disk(false);
  machine.start();
  CHECK(world.run_until([&] { return machine.was_turned_away() && !machine.is_up(); }, seconds(5)));
  machine.replace_disk();
  machine.start();
  CHECK(world.run_until([&] { return world.may_lose_a_disk() && world.all_equal(); }, seconds(5)));
  REQUIRE(world.settles(client, client.set(NodeId(2), "key", 10), seconds(5)));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("a machine whose old disk is back is turned away") {
  World world(quiet_plan(3));
  world.start_all();
  Client& client = world.client(0);
  Machine& machine = world.machine(NodeId(2));
  REQUIRE(world.settles(client, client.set(NodeId(1), "key", 10), seconds(5)));
  CHECK_FALSE(machine.bring_old_disk_back());  // it is remembered
  machine.end(Ending::process_killed);
  machine.start();
  REQUIRE(world.run_until([&] { return world.all_equal(); }, seconds(5)));
  world.run_for(seconds(1));
  REQUIRE(machine.bring_old_disk_back());
  machine.start();
  CHECK(world.run_until([&] { return machine.was_turned_away() && !machine.is_up(); }, seconds(5)));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("machines whose disks were swapped do not start; with their own again they go on") {
  World world(quiet_plan(3));
  world.start_all();
  Client& client = world.client(0);
  REQUIRE(world.settles(client, client.set(NodeId(1), "key", 10), seconds(5)));
  Machine& one = world.machine(NodeId(2));
  Machine& other = world.machine(NodeId(3));
  one.swap_disks(other);
  for (Machine* machine : {&one, &other}) {
    machine->start();
    CHECK(machine->refuses());
    CHECK_FALSE(machine->is_up());
  }
  one.swap_disks(other);
  one.start();
  other.start();
  CHECK(world.run_until([&] { return world.all_equal(); }, seconds(5)));
  REQUIRE(world.settles(client, client.set(NodeId(2), "key", 10), seconds(5)));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("an old disk comes back only when all others have recorded a later start") {
  World world(quiet_plan(3));
  world.start_all();
  Client& client = world.client(0);
  Machine& machine = world.machine(NodeId(2));
  REQUIRE(world.settles(client, client.set(NodeId(1), "key", 10), seconds(5)));
  CHECK_FALSE(machine.bring_old_disk_back());
  CHECK(machine.keeps_old_disk());
  CHECK_FALSE(world.others_know_later_start(NodeId(2)));
  machine.end(Ending::process_killed);
  world.machine(NodeId(3)).end(Ending::process_killed);
  machine.start();
  world.run_for(seconds(1));
  CHECK_FALSE(world.others_know_later_start(NodeId(2)));  // one of them was not there
  world.machine(NodeId(3)).start();
  CHECK(world.run_until([&] { return world.others_know_later_start(NodeId(2)); }, seconds(5)));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("bursts and reconnecting clients send at once, and leave what they waited for") {
  Trouble trouble;
  trouble.world.client(0).start();
  trouble.world.run_for(seconds(1));
  const std::size_t before = trouble.world.history().size();
  trouble.faults.strike(Fault::burst);
  CHECK(trouble.world.history().size() > before);
  const std::size_t after = trouble.world.history().size();
  trouble.world.run_for(milliseconds(1));
  trouble.faults.strike(Fault::reconnect_storm);
  CHECK(trouble.world.history().size() >= after);
  trouble.world.client(0).stop();
  trouble.gets_well();
}

std::uint64_t lives_after(std::uint64_t at_elections, std::uint64_t together) {
  Plan plan = quiet_plan(1);
  plan.faults[Fault::kill] = 1;
  plan.between_faults = std::chrono::hours(1);
  plan.at_elections = at_elections;
  plan.together = together;
  World world(plan);
  Faults faults(world);
  world.start_all();
  faults.start();
  world.run_for(seconds(10));
  CHECK(world.failure().value_or("") == "");
  std::uint64_t lives = 0;
  for (const NodeId node : world.nodes()) {
    lives += world.machine(node).life();
  }
  return lives;
}

TEST_CASE("faults strike at elections, and several at once") {
  CHECK(lives_after(0, 0) == 3);
  const std::uint64_t one_at_a_time = lives_after(1000, 0);
  CHECK(one_at_a_time > 3);
  CHECK(lives_after(1000, 999) > one_at_a_time);
}

TEST_CASE("an empty value is stored and read, and its key tells whose it is") {
  const WriteName name = write_name(3, 7);
  CHECK((name_of(key_of_empty(name), "") == name));
  CHECK((name_of("key-1", value_of(name, 30)) == name));
  CHECK_FALSE(name_of("key-1", "").has_value());
  CHECK_FALSE(name_of("empty-", "").has_value());
  Trouble trouble;
  Client& client = trouble.world.client(0);
  const Client::Number stored = client.set_empty(NodeId(1));
  REQUIRE(trouble.world.settles(client, stored, seconds(5)));
  const Client::Number read = client.get(NodeId(2), key_of_empty(client.value(stored)));
  REQUIRE(trouble.world.settles(client, read, seconds(5)));
  CHECK((client.value(read) == client.value(stored)));
}

TEST_CASE("in the end all come back, or a majority that does without the others") {
  std::size_t with_all = 0;
  std::size_t without = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Plan plan = quiet_plan(seed);
    plan.nodes = 5;
    plan.some_stay_away = 500;
    World world(plan);
    world.start_all();
    REQUIRE(world.run_until([&] { return world.all_admitted(); }, seconds(5)));
    Faults faults(world);
    faults.stop();
    CHECK(world.core().size() >= 3);
    ++(world.core().size() == 5 ? with_all : without);
    CHECK(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(10)));
    CHECK(world.run_until([&] { return world.all_equal(); }, seconds(5)));
    CHECK(world.failure().value_or("") == "");
  }
  CHECK(with_all > 5);
  CHECK(without > 5);
}

// ---- Plans ----

TEST_CASE("a plan that is restricted makes the faults that are named, and is the same in all else") {
  FaultSet only;
  only.add(Fault::kill);
  only.add(Fault::drop);
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Plan any = draw_plan(seed);
    const Plan restricted = draw_plan(seed, FaultChoice{only, {}, {}});
    for (const FaultKind& kind : all_faults()) {
      CHECK((restricted.faults[kind.fault] > 0) == only.contains(kind.fault));
    }
    CHECK(restricted.network.lost > 0);
    CHECK(restricted.network.duplicated == 0);
    CHECK(restricted.nodes == any.nodes);
    CHECK(restricted.clients == any.clients);
    CHECK((restricted.calm_at == any.calm_at));
  }
}

TEST_CASE("a tenth of the plans is free of faults, and every fault is in some of them") {
  std::size_t free = 0;
  FaultSet seen;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const Plan plan = draw_plan(seed);
    free += plan.faults.any() ? std::size_t{0} : std::size_t{1};
    for (const FaultKind& kind : all_faults()) {
      if (plan.faults[kind.fault] > 0) {
        seen.add(kind.fault);
      }
    }
  }
  CHECK(free > 60);
  CHECK(free < 200);
  CHECK(seen == FaultSet::all());
}

}  // namespace
}  // namespace strata::sim
