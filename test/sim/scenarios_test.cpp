// Whole clusters in trouble that is told in advance, one story a test.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "sim/random_run.hpp"
#include "sim/world.hpp"

namespace strata::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration patience = seconds(8);  // more than any request may take

// A cluster with no load but what the story asks for.
struct Story {
  World world;

  explicit Story(std::size_t nodes = 3, std::uint64_t seed = 1) : Story(plan_for(nodes, seed)) {}
  explicit Story(const Plan& plan) : world(plan) { world.start_all(); }
  ~Story() { CHECK(world.failure().value_or("") == ""); }
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  static Plan plan_for(std::size_t nodes, std::uint64_t seed) {
    Plan plan = quiet_plan(seed);
    plan.nodes = nodes;
    return plan;
  }

  Client& client() { return world.client(0); }
  NodeId elect() {
    REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
    return *world.serving_leader();
  }
  // Another than `old`, which may not know it yet.
  NodeId elect_other_than(NodeId old) {
    REQUIRE(world.run_until([&] { return world.serving_leader().value_or(old) != old; }, seconds(5)));
    return *world.serving_leader();
  }
  NodeId follower() {
    const NodeId leader = elect();
    return NodeId(leader == NodeId(1) ? 2 : 1);
  }
  bool set(NodeId node, const Bytes& key) { return world.settles(client(), client().set(node, key, 16), patience); }
  bool get(NodeId node, const Bytes& key) { return world.settles(client(), client().get(node, key), patience); }
  void set_many(NodeId node, int count) {
    for (int i = 0; i < count; ++i) {
      REQUIRE(set(node, "key-" + std::to_string(i % 7)));
    }
  }
  void isolate(NodeId node, bool isolated) {
    for (const NodeId other : world.nodes()) {
      if (other != node) {
        world.network().cut(node, other, isolated);
        world.network().cut(other, node, isolated);
      }
    }
  }
  void wait_until_equal() {
    CHECK(world.run_until([&] { return world.all_equal(); }, seconds(10)));
  }
};

TEST_CASE("three nodes elect a leader, and what is set through any of them is got through all") {
  Story story;
  story.elect();
  for (const NodeId node : story.world.nodes()) {
    CHECK(story.set(node, "key-" + std::to_string(node.value)));
  }
  for (const NodeId node : story.world.nodes()) {
    for (const NodeId key : story.world.nodes()) {
      CHECK(story.get(node, "key-" + std::to_string(key.value)));
    }
  }
  story.wait_until_equal();
  CHECK(story.world.history().completed() == 12);
  CHECK(story.world.history().check().value_or("") == "");
}

void lose_leader(Ending ending) {
  Story story;
  const NodeId old = story.elect();
  story.set_many(old, 50);
  story.world.machine(old).end(ending);
  const NodeId leader = story.elect_other_than(old);
  story.set_many(leader, 20);
  story.world.machine(old).start();
  story.wait_until_equal();
  CHECK(story.get(old, "key-0"));
}

TEST_CASE("the leader is killed, another takes over, the old one comes back and catches up") {
  lose_leader(Ending::process_killed);
}

TEST_CASE("the leader loses power, another takes over, the old one comes back and catches up") {
  lose_leader(Ending::power_lost);
}

TEST_CASE("what was acknowledged is there after all nodes have lost power at once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Story story(3, seed);
    story.set_many(story.elect(), 30);
    for (const NodeId node : story.world.nodes()) {
      story.world.machine(node).end(Ending::power_lost);
    }
    story.world.start_all();
    story.elect();
    for (const NodeId node : story.world.nodes()) {
      CHECK(story.get(node, "key-0"));
      CHECK(story.get(node, "key-6"));
    }
  }
}

TEST_CASE("a leader that is cut off serves nothing, and its SET is not stored behind the others' back") {
  Story story;
  const NodeId old = story.elect();
  REQUIRE(story.set(old, "key"));
  story.isolate(old, true);
  const Client::Number lost_set = story.client().set(old, "key", 16);
  const Client::Number lost_get = story.client().get(old, "key");
  const NodeId leader = story.elect_other_than(old);
  CHECK(story.set(leader, "key"));
  CHECK_FALSE(story.world.settles(story.client(), lost_set, patience));
  CHECK_FALSE(story.world.settles(story.client(), lost_get, patience));
  story.isolate(old, false);
  story.wait_until_equal();
  CHECK(story.get(old, "key"));
}

// At `written`, and with no sync before the next hour.
Plan written_plan(std::uint64_t seed) {
  Plan plan = Story::plan_for(3, seed);
  plan.ack = Durability::written;
  plan.fsync_interval = std::chrono::hours(1);
  return plan;
}

TEST_CASE("at written, one machine that loses power costs nothing, and votes with a flag until it has caught up") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(written_plan(seed));
    world.start_all();
    REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
    for (int i = 0; i < 30; ++i) {
      REQUIRE(world.settles(world.client(0), world.client(0).set(*world.serving_leader(), "key", 100), patience));
    }
    const NodeId victim(static_cast<std::uint16_t>(1 + seed % 3));
    world.machine(victim).end(Ending::power_lost);
    world.machine(victim).start();
    CHECK(world.machine(victim).actors().core().standing() == Standing::recovering);
    CHECK(world.run_until(
        [&] { return world.machine(victim).actors().core().standing() == Standing::sound && world.all_equal(); },
        seconds(10)));
    CHECK(world.settles(world.client(0), world.client(0).get(victim, "key"), patience));
    CHECK(world.failure().value_or("") == "");
  }
}

// Has thirty SETs answered, and nothing of them synced; then `victims` lose power at once, and all come back.
void lose_power_of(World& world, std::size_t victims) {
  world.start_all();
  REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
  for (int i = 0; i < 30; ++i) {
    REQUIRE(world.settles(world.client(0), world.client(0).set(*world.serving_leader(), "key", 100), patience));
  }
  REQUIRE(world.run_for(seconds(1)));
  for (std::uint16_t id = 1; id <= victims; ++id) {
    world.machine(NodeId(id)).end(Ending::power_lost);
  }
  world.start_all();
  REQUIRE(world.run_until([&] { return world.serving_leader() && world.all_equal(); }, seconds(10)));
  for (const NodeId node : world.nodes()) {
    CHECK(world.settles(world.client(0), world.client(0).set(node, "key", 100), patience));
    CHECK(world.settles(world.client(0), world.client(0).get(node, "key"), patience));
    CHECK(
        world.run_until([&] { return world.machine(node).actors().core().standing() == Standing::sound; }, seconds(5)));
  }
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("at written, two of three machines that lose power cost nothing while the third one holds it") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(written_plan(seed));
    lose_power_of(world, 2);
    CHECK(world.history().lost() == 0);
  }
}

TEST_CASE("at written, all machines that lose power cost what none of them has kept, and a new generation begins") {
  std::size_t losing = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(written_plan(seed));
    lose_power_of(world, 3);
    losing += world.history().lost() > 0 ? 1u : 0u;
    CHECK(world.machine(NodeId(1)).actors().state().generation() == 2);
  }
  CHECK(losing > 0);
}

TEST_CASE("at written, a node that was killed is sound, as its kernel lives") {
  World world(written_plan(1));
  world.start_all();
  REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
  REQUIRE(world.settles(world.client(0), world.client(0).set(*world.serving_leader(), "key", 100), patience));
  for (const NodeId node : world.nodes()) {
    world.machine(node).end(Ending::process_killed);
  }
  world.start_all();
  for (const NodeId node : world.nodes()) {
    CHECK(world.machine(node).actors().core().standing() == Standing::sound);
  }
  REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
  CHECK(world.settles(world.client(0), world.client(0).get(NodeId(1), "key"), patience));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("a machine that loses power at synced abstains when the end of its log is torn, and only then") {
  std::set<Standing> found;
  for (std::uint64_t calls = 0; calls < 40; ++calls) {
    Story story(3, calls);
    const NodeId leader = story.elect();
    Machine& machine = story.world.machine(leader);
    machine.end_in_disk_call(calls, Ending::power_lost);
    for (int i = 0; i < 50 && machine.is_up(); ++i) {
      story.client().set(leader, "key", 2000);
      story.world.run_for(milliseconds(2));
    }
    machine.start();
    found.insert(machine.actors().core().standing());
    story.wait_until_equal();
  }
  CHECK((found == std::set{Standing::sound, Standing::abstaining}));
}

// Each event that brings SETs is a write of its own.
TEST_CASE("a leader whose disk hangs takes no more writes than its writer may have before it") {
  World world(Story::plan_for(1, 1));
  world.start_all();
  REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
  world.machine(NodeId(1)).slow_disk(seconds(60), {seconds(60), Duration::zero()});
  for (int i = 0; i < 10'000; ++i) {
    world.client(0).set(NodeId(1), "key", 1);
    if (i % 2 == 1 && !world.run_for(milliseconds(1))) {
      break;
    }
  }
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("a follower that was cut off for long catches up from what its leader reads back from the log") {
  Plan plan = Story::plan_for(3, 1);
  plan.cache_bytes = 1000;
  plan.segment_size = 8 << 10;
  World world(plan);
  world.start_all();
  REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
  const NodeId leader = *world.serving_leader();
  const NodeId behind(leader == NodeId(1) ? 2 : 1);
  world.machine(behind).end(Ending::process_killed);
  for (int i = 0; i < 300; ++i) {
    REQUIRE(world.settles(world.client(0), world.client(0).set(leader, "key", 100), patience));
  }
  world.machine(behind).start();
  CHECK(world.run_until([&] { return world.all_equal(); }, seconds(10)));
  CHECK(world.failure().value_or("") == "");
}

TEST_CASE("a node that is told to stop answers what it was asked, and the others go on") {
  Story story;
  const NodeId old = story.elect();
  const Client::Number under_way = story.client().set(old, "key", 16);
  story.world.run_for(milliseconds(1));
  story.world.machine(old).stop(seconds(2));
  CHECK(story.world.settles(story.client(), under_way, patience));
  CHECK(story.world.run_until([&] { return !story.world.machine(old).is_up(); }, seconds(3)));
  const NodeId leader = story.elect_other_than(old);
  CHECK(story.get(leader, "key"));
  story.world.machine(old).start();
  story.wait_until_equal();
}

TEST_CASE("a leader that is told to stop hands over: another serves before an election timeout has passed") {
  for (const std::size_t nodes : {3U, 5U}) {
    Story story(nodes, 7);
    const NodeId old = story.elect();
    REQUIRE(story.set(old, "key"));
    const Client::Number under_way = story.client().set(old, "key", 16);
    story.world.run_for(milliseconds(1));
    story.world.machine(old).stop(seconds(2));
    CHECK(story.world.run_until([&] { return story.world.serving_leader().value_or(old) != old; },
                                Story::plan_for(nodes, 7).election_timeout / 2));
    CHECK(story.world.settles(story.client(), under_way, patience));  // with OK: nothing was left in doubt
    CHECK(story.world.run_until([&] { return !story.world.machine(old).is_up(); }, milliseconds(500)));
  }
}

TEST_CASE("a node that stops without a majority to hand over to ends all the same") {
  Story story;
  const NodeId old = story.elect();
  story.isolate(old, true);
  story.world.machine(old).stop(seconds(2));
  CHECK(story.world.run_until([&] { return !story.world.machine(old).is_up(); }, seconds(3)));
}

TEST_CASE("a leader that is paused past an election finds itself replaced and serves nothing old") {
  Story story;
  const NodeId old = story.elect();
  REQUIRE(story.set(old, "key"));
  story.world.machine(old).pause(seconds(3));
  const Client::Number stale_get = story.client().get(old, "key");
  const NodeId leader = story.elect_other_than(old);
  CHECK(story.set(leader, "key"));
  story.world.settles(story.client(), stale_get, patience);  // whatever it is answered, it must not be the old value
  story.wait_until_equal();
  CHECK(story.world.history().check().value_or("") == "");
}

TEST_CASE("a leader that is paused past an election is not taken for the one that calm needs") {
  Story story;
  const NodeId old = story.elect();
  CHECK(story.world.undisputed_leader() == old);
  story.world.machine(old).pause(seconds(10));
  story.world.machine(story.elect_other_than(old)).end(Ending::process_killed);
  CHECK(story.world.leader() == old);
  CHECK_FALSE(story.world.undisputed_leader().has_value());
}

TEST_CASE("a disk that hangs delays no heartbeat: its node's leadership and reads go on") {
  Story story;
  const NodeId leader = story.elect();
  REQUIRE(story.set(leader, "key"));
  story.world.machine(leader).slow_disk(seconds(20), {seconds(10), Duration::zero()});
  CHECK_FALSE(story.world.failure());
  for (int i = 0; i < 20; ++i) {
    CHECK(story.get(leader, "key"));
    story.world.run_for(milliseconds(100));
  }
  CHECK(story.world.serving_leader() == leader);
}

TEST_CASE("one node alone is a cluster, and keeps what it acknowledged through a loss of power") {
  Story story(1);
  story.set_many(story.elect(), 20);
  story.world.machine(NodeId(1)).end(Ending::power_lost);
  story.world.start_all();
  CHECK(story.get(NodeId(1), "key-0"));
}

TEST_CASE("five nodes go on when two are gone, and do not when three are") {
  Story story(5);
  const NodeId leader = story.elect();
  std::vector<NodeId> others = story.world.nodes();
  std::erase(others, leader);
  story.world.machine(others[0]).end(Ending::power_lost);
  story.world.machine(others[1]).end(Ending::power_lost);
  CHECK(story.set(leader, "key"));
  story.world.machine(others[2]).end(Ending::process_killed);
  CHECK_FALSE(story.set(leader, "key"));
  CHECK_FALSE(story.get(leader, "key"));
  story.world.start_all();
  CHECK(story.set(others[2], "key"));
  story.wait_until_equal();
}

TEST_CASE("a SET with ONCE that is sent to every node, and again to another leader, is stored once") {
  Story story;
  Client& client = story.client();
  const NodeId old = story.elect();
  const Client::Number number = client.set_once(old, "key", 16);
  for (const NodeId node : story.world.nodes()) {
    client.repeat(number, node);
  }
  REQUIRE(story.world.settles(client, number, patience));
  story.world.run_for(seconds(1));
  const LogIndex last = story.world.oracles().last_committed();
  story.world.machine(old).end(Ending::power_lost);
  client.repeat(number, story.elect_other_than(old));
  story.world.run_for(seconds(1));
  CHECK(story.world.oracles().last_committed() > last.next());  // it came again, behind the entry of the new term
  const Client::Number read = client.get(story.elect(), "key");
  REQUIRE(story.world.settles(client, read, patience));
  CHECK(client.value(read) == client.value(number));
  CHECK((client.revision(read) == client.revision(number)));
}

TEST_CASE("a node that crashes at any call to its disk, in the running and at its start, comes back") {
  for (std::uint64_t calls = 0; calls < 40; ++calls) {
    Story story(3, calls);
    const NodeId leader = story.elect();
    story.world.machine(leader).end_in_disk_call(calls, Ending::power_lost);
    for (int i = 0; i < 50 && story.world.machine(leader).is_up(); ++i) {
      story.client().set(leader, "key", 16);
      story.world.run_for(milliseconds(2));
    }
    REQUIRE_FALSE(story.world.machine(leader).is_up());
    story.world.machine(leader).end_in_disk_call(calls, Ending::process_killed);
    story.world.machine(leader).start();
    story.world.run_for(seconds(1));
    story.world.start_all();
    story.wait_until_equal();
  }
}

// A cluster at `--ack written` that never syncs by itself while the story lasts, but for one that does: `interval`.
Plan at_written(std::size_t nodes, Duration interval = std::chrono::hours(1)) {
  Plan plan = Story::plan_for(nodes, 1);
  plan.ack = Durability::written;
  plan.fsync_interval = interval;
  return plan;
}

TEST_CASE(
    "at written a SET is answered before any sync, and with SYNCED neither a SET nor a GET is, through any node") {
  for (const std::size_t nodes : {1U, 3U}) {
    Story story(at_written(nodes));
    const NodeId leader = story.elect();
    for (const NodeId node : story.world.nodes()) {
      CHECK(story.world.settles(story.client(), story.client().set(node, "key", 16), milliseconds(200)));
      CHECK(story.world.settles(story.client(), story.client().get(node, "key"), milliseconds(200)));
      story.client().ask_for_synced(true);
      CHECK_FALSE(story.set(node, "key"));
      CHECK_FALSE(story.get(node, "key"));
      story.client().ask_for_synced(false);
    }
    CHECK(story.world.machine(leader).actors().core().durable() == LogIndex());
  }
}

TEST_CASE("at written what waits with SYNCED is answered when the sync has come, and not before") {
  for (const std::size_t nodes : {1U, 3U}) {
    Story story(at_written(nodes, seconds(2)));
    story.elect();
    Client& client = story.client();
    REQUIRE(story.set(NodeId(1), "key"));
    client.ask_for_synced(true);
    std::vector<Client::Number> asked;
    for (const NodeId node : story.world.nodes()) {
      asked.push_back(client.set(node, "key " + std::to_string(node.value), 16));
      asked.push_back(client.set_once(node, "once", 16, node.value));
      asked.push_back(client.get(node, "key"));
    }
    story.world.run_for(milliseconds(500));
    for (const Client::Number number : asked) {
      CHECK((client.fate(number) == Fate::open));
    }
    for (const Client::Number number : asked) {
      CHECK(story.world.settles(client, number, seconds(4)));
    }
    CHECK(story.world.history().check().value_or("") == "");
  }
}

TEST_CASE("a repeat with SYNCED of a SET that was answered as written waits for the sync of that one") {
  Story story(at_written(3, seconds(2)));
  const NodeId leader = story.elect();
  Client& client = story.client();
  const Client::Number number = client.set_once(leader, "key", 16);
  REQUIRE(story.world.settles(client, number, milliseconds(200)));
  client.ask_for_synced(true);
  for (const NodeId node : story.world.nodes()) {
    client.repeat(number, node);
  }
  CHECK(story.world.run_for(seconds(5)));  // an answer as written, or too early, is a failure of the story
}

TEST_CASE("what is at risk rises with what is written and falls to nothing with the sync; at synced there is none") {
  for (const Durability ack : {Durability::written, Durability::synced}) {
    Plan plan = at_written(3, seconds(2));
    plan.ack = ack;
    Story story(plan);
    const NodeId leader = story.elect();
    std::uint64_t most = 0;
    for (int i = 0; i < 20; ++i) {
      story.client().set(leader, "key", 16);
    }
    for (int i = 0; i < 500; ++i) {
      story.world.run_for(milliseconds(10));
      for (const NodeId node : story.world.nodes()) {
        most = std::max(most, story.world.machine(node).actors().at_risk().entries);
      }
    }
    CHECK((most >= 20) == (ack == Durability::written));
    CHECK((most > 0) == (ack == Durability::written));
    for (const NodeId node : story.world.nodes()) {
      CHECK(story.world.machine(node).actors().at_risk().entries == 0);
    }
  }
}

}  // namespace
}  // namespace strata::sim
