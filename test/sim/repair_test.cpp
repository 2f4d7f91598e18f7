// Disks that decay: a member is repaired from the others, and nothing is lost.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/faults.hpp"
#include "sim/world.hpp"

namespace strata::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of a record.
constexpr std::uint64_t in_header = 17;
constexpr std::uint64_t in_body = 68;

struct Story {
  World world;

  explicit Story(std::uint64_t seed, std::size_t nodes = 3) : world(plan_for(nodes, seed)) { world.start_all(); }
  ~Story() { CHECK(world.failure().value_or("") == ""); }
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  static Plan plan_for(std::size_t nodes, std::uint64_t seed) {
    Plan plan = quiet_plan(seed);
    plan.nodes = nodes;
    plan.segment_size = 16 << 10;
    return plan;
  }

  NodeId elect() {
    REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(10)));
    return *world.serving_leader();
  }
  void set_many(NodeId through, int count) {
    for (int i = 0; i < count; ++i) {
      Client& client = world.client(0);
      REQUIRE(world.settles(client, client.set(through, "key-" + std::to_string(i % 7), 16), seconds(8)));
    }
  }
  NodeId other_than(NodeId node) { return NodeId(node == NodeId(1) ? 2 : 1); }
  const raft::Core& core(NodeId node) { return world.machine(node).actors().core(); }
  // Comes back with a hole, and is whole and sound again.
  void come_back_repaired(NodeId node) {
    world.machine(node).start();
    REQUIRE(world.machine(node).is_up());
    CHECK(core(node).is_damaged());
    CHECK(core(node).standing() == Standing::recovering);
    CHECK(world.run_until([&] { return core(node).standing() == Standing::sound && !core(node).is_damaged(); },
                          seconds(10)));
    CHECK(world.run_until([&] { return world.all_equal(); }, seconds(10)));
  }
};

}  // namespace

TEST_CASE("a follower whose log has decayed is repaired while the others serve, and is whole at its next start") {
  Story story(1);
  const NodeId leader = story.elect();
  const NodeId victim = story.other_than(leader);
  story.set_many(leader, 100);
  story.world.machine(victim).end(Ending::process_killed);
  for (const std::uint64_t index : {10U, 11U, 50U}) {
    story.world.machine(victim).rot_entry(LogIndex(index), in_body);
  }
  story.world.machine(victim).rot_entry(LogIndex(70), in_header);
  story.set_many(leader, 5);
  story.come_back_repaired(victim);
  story.world.machine(victim).end(Ending::power_lost);
  story.world.machine(victim).start();
  REQUIRE(story.world.machine(victim).is_up());
  CHECK_FALSE(story.core(victim).is_damaged());
  CHECK(story.world.run_until([&] { return story.world.all_equal(); }, seconds(10)));
}

TEST_CASE("so is a leader") {
  Story story(2);
  const NodeId leader = story.elect();
  story.set_many(leader, 60);
  story.world.machine(leader).end(Ending::power_lost);
  story.world.machine(leader).rot_entry(LogIndex(30), in_header);
  story.set_many(story.elect(), 5);
  story.come_back_repaired(leader);
}

TEST_CASE("what only a damaged node and one other hold is not lost when the third asks for votes") {
  Story story(3);
  const NodeId leader = story.elect();
  const NodeId victim = story.other_than(leader);
  const NodeId behind(static_cast<std::uint16_t>(6 - leader.value - victim.value));
  story.set_many(leader, 20);
  story.world.machine(behind).end(Ending::process_killed);
  story.set_many(leader, 20);
  story.world.machine(victim).end(Ending::process_killed);
  story.world.machine(leader).end(Ending::process_killed);
  story.world.machine(victim).rot_entry(LogIndex(30), in_body);
  story.world.machine(behind).start();
  story.world.machine(victim).start();
  CHECK(story.world.run_for(seconds(20)));
  CHECK_FALSE(story.world.leader().has_value());
  story.world.machine(leader).start();
  CHECK(story.elect() == leader);
  CHECK(story.world.run_until([&] { return story.world.all_equal(); }, seconds(10)));
  CHECK(story.world.run_until([&] { return story.core(victim).standing() == Standing::sound; }, seconds(10)));
}

TEST_CASE("a node alone refuses to start") {
  Story story(4, 1);
  const NodeId alone = story.elect();
  story.set_many(alone, 40);
  Machine& machine = story.world.machine(alone);
  machine.end(Ending::process_killed);
  machine.rot_entry(LogIndex(20), in_body);
  for (int start = 0; start < 2; ++start) {
    machine.start();
    CHECK_FALSE(machine.is_up());
    CHECK(machine.refuses());
  }
}

// ---- What the simulated disk does ----

TEST_CASE("rot, and what a spoilt sync leaves, are damage at the next start, and never look torn") {
  std::size_t damaged = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Story story(seed);
    const NodeId leader = story.elect();
    const NodeId victim = story.other_than(leader);
    Machine& machine = story.world.machine(victim);
    story.set_many(leader, 10);
    switch (seed % 3) {
      case 0:
        machine.rot();
        break;
      case 1:
        machine.spoil_next_sync(test::Spoiling::lost);
        break;
      default:
        machine.spoil_next_sync(test::Spoiling::misdirected);
    }
    story.set_many(leader, 20);
    const LogIndex synced = story.core(victim).synced();
    machine.end(Ending::power_lost);
    const bool has_decayed = machine.has_decayed();
    machine.start();
    REQUIRE(machine.is_up());
    damaged += story.core(victim).is_damaged() ? 1u : 0u;
    CHECK((has_decayed || !story.core(victim).is_damaged()));
    CHECK((story.core(victim).last_index() >= synced || story.core(victim).standing() == Standing::recovering));
    CHECK(story.world.run_until([&] { return story.core(victim).standing() == Standing::sound; }, seconds(10)));
    CHECK(story.world.run_until([&] { return story.world.all_equal(); }, seconds(10)));
  }
  CHECK(damaged > 2);
}

}  // namespace strata::sim
