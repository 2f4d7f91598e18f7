// Disks that fail, are full or hang, one story a test (design, section 5; reliability, section 3, 26, 51 and 52).
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "sim/disk_image.hpp"
#include "sim/world.hpp"

namespace strata::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration patience = seconds(8);  // more than any request may take
constexpr Duration slack = milliseconds(100);

struct Disks {
  World world;

  explicit Disks(const Plan& plan) : world(plan) { world.start_all(); }
  explicit Disks(std::size_t nodes = 3, std::uint64_t seed = 1) : Disks(plan_for(nodes, seed)) {}
  ~Disks() {
    CHECK(world.failure().value_or("") == "");
    CHECK(world.history().check().value_or("") == "");
  }
  Disks(const Disks&) = delete;
  Disks& operator=(const Disks&) = delete;

  static Plan plan_for(std::size_t nodes, std::uint64_t seed) {
    Plan plan = quiet_plan(seed);
    plan.nodes = nodes;
    plan.segment_size = 16 << 10;
    return plan;
  }

  Client& client() { return world.client(0); }
  Duration election_timeout() const { return world.plan().election_timeout; }
  raft::DiskState disk_of(NodeId node) { return world.machine(node).actors().core().disk_state(); }
  NodeId elect() {
    REQUIRE(world.run_until([&] { return world.serving_leader().has_value(); }, seconds(5)));
    return *world.serving_leader();
  }
  bool another_serves(NodeId old, Duration within) {
    return world.run_until([&] { return world.serving_leader().value_or(old) != old; }, within);
  }
  bool set(NodeId node, std::uint64_t size = 16) {
    return world.settles(client(), client().set(node, "key", size), patience);
  }
  bool get(NodeId node) { return world.settles(client(), client().get(node, "key"), patience); }
  void hang(NodeId node, Duration time) { world.machine(node).slow_disk(time, {time, Duration::zero()}); }
  void slow_down(NodeId node, Duration each) { world.machine(node).slow_disk(seconds(30), {each, Duration::zero()}); }
  // Asks for SETs without waiting for their answers.
  void press(NodeId node, Duration time, std::uint64_t size = 16) {
    for (Duration passed{}; passed < time; passed += milliseconds(20)) {
      client().set(node, "key", size);
      world.run_for(milliseconds(20));
    }
  }
  void gets_well() {
    CHECK(world.run_until([&] { return world.all_equal(); }, seconds(20)));
    for (const NodeId node : world.nodes()) {
      CHECK(set(node));
      CHECK(get(node));
    }
  }
};

// ---- A disk that hangs ----

TEST_CASE("a leader whose disk hangs hands over: another serves within three election timeouts, at both levels") {
  for (const Durability ack : {Durability::synced, Durability::written}) {
    for (const Duration interval : {Duration::zero(), Duration(milliseconds(5))}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Plan plan = Disks::plan_for(3, seed);
        plan.ack = ack;
        plan.fsync_interval = interval;
        Disks story(plan);
        const NodeId old = story.elect();
        REQUIRE(story.set(old));
        story.hang(old, seconds(30));
        story.client().set(old, "key", 16);  // what its disk owes
        CHECK(story.another_serves(old, 3 * story.election_timeout() + slack));
        const NodeId leader = story.elect();
        CHECK(story.set(leader));
        CHECK(story.get(leader));
        CHECK(story.world.machine(old).life() == 1);
        CHECK((story.disk_of(old) == raft::DiskState::stalled));
        story.world.run_for(seconds(5));
        CHECK(story.world.serving_leader() == leader);  // nobody disturbs it
        story.world.run_for(seconds(30));
        story.gets_well();
      }
    }
  }
}

TEST_CASE("a leader whose disk hangs under load hands over, and what was appended is not lost") {
  Disks story(5, 3);
  const NodeId old = story.elect();
  story.hang(old, seconds(30));
  story.press(old, 3 * story.election_timeout() + slack);
  CHECK(story.world.serving_leader().value_or(old) != old);
  story.world.run_for(seconds(35));
  story.gets_well();
}

TEST_CASE("a leader whose disk is slow, but moves, keeps its office") {
  Disks story;
  const NodeId leader = story.elect();
  const std::size_t elections = story.world.oracles().elections();
  story.slow_down(leader, story.election_timeout() / 4);  // twice that for a write, and for a sync
  story.press(leader, seconds(20));
  CHECK(story.world.serving_leader() == leader);
  CHECK(story.world.oracles().elections() == elections);
}

TEST_CASE("a leader whose disk is so slow that it does nothing in two election timeouts hands over as well") {
  Disks story;
  const NodeId old = story.elect();
  story.slow_down(old, story.election_timeout() * 5 / 4);
  story.client().set(old, "key", 16);
  CHECK(story.another_serves(old, 3 * story.election_timeout() + slack));
  const NodeId leader = story.elect();
  story.press(leader, seconds(10));
  CHECK(story.world.serving_leader() == leader);
  story.world.run_for(seconds(20));
  story.gets_well();
}

TEST_CASE("a follower whose disk is slow causes no election, and delays nobody") {
  Disks story;
  const NodeId leader = story.elect();
  const std::size_t elections = story.world.oracles().elections();
  const NodeId follower(leader == NodeId(1) ? 2 : 1);
  for (const Duration time : {story.election_timeout() / 4, story.election_timeout() * 5 / 4}) {
    story.slow_down(follower, time);
    for (int i = 0; i < 200; ++i) {
      const Client::Number set = story.client().set(leader, "key", 16);
      CHECK(story.world.settles(story.client(), set, slack));
      story.world.run_for(milliseconds(20));
    }
  }
  CHECK(story.world.serving_leader() == leader);
  CHECK(story.world.oracles().elections() == elections);
  story.world.run_for(seconds(40));
  story.gets_well();
}

TEST_CASE("a follower whose disk hangs causes no election, however long it takes, and catches up") {
  Disks story;
  const NodeId leader = story.elect();
  const std::size_t elections = story.world.oracles().elections();
  const NodeId follower(leader == NodeId(1) ? 2 : 1);
  story.hang(follower, seconds(30));
  story.press(leader, seconds(1));
  CHECK(story.get(follower));  // which waits for no disk, as long as the leader sends it what it cannot write
  story.press(leader, seconds(9));
  CHECK(story.set(leader));
  CHECK((story.disk_of(follower) == raft::DiskState::stalled));
  CHECK(story.world.run_for(seconds(25)));
  CHECK(story.world.oracles().elections() == elections);
  CHECK(story.world.serving_leader() == leader);
  story.gets_well();
}

// With the hung one there is no majority that could elect: it gives way to nobody, and serves reads.
TEST_CASE("a leader whose disk hangs goes on with reads when no majority can do without it") {
  Disks story;
  const NodeId leader = story.elect();
  REQUIRE(story.set(leader));
  const NodeId follower(leader == NodeId(1) ? 2 : 1);
  story.world.machine(follower).end(Ending::process_killed);
  story.hang(leader, seconds(20));
  const Client::Number open = story.client().set(leader, "key", 16);
  story.world.run_for(seconds(4));
  CHECK(story.world.serving_leader() == leader);
  CHECK(story.get(leader));
  story.world.settles(story.client(), open, patience);
  story.world.machine(follower).start();
  story.world.run_for(seconds(20));
  story.gets_well();
}

// ---- A full disk ----

TEST_CASE("a full leader hands over to one that has room; it lives, and takes part again when it has room") {
  Disks story(3, 2);
  const NodeId old = story.elect();
  story.world.machine(old).fill_disk(seconds(40));
  story.press(old, seconds(3), 200);
  CHECK((story.disk_of(old) == raft::DiskState::full));
  const NodeId leader = story.elect();
  CHECK(leader != old);
  const std::size_t elections = story.world.oracles().elections();
  for (const NodeId node : story.world.nodes()) {
    CHECK(story.set(node));
    CHECK(story.get(node));
  }
  story.press(leader, seconds(5), 500);  // more than the full one's segment holds
  CHECK(story.set(leader));
  CHECK((story.disk_of(old) == raft::DiskState::full));
  CHECK(story.world.serving_leader() == leader);
  CHECK(story.world.oracles().elections() == elections);
  story.world.machine(leader).end(Ending::process_killed);
  const auto another_leads = [&] { return story.world.leader().value_or(leader) != leader; };
  CHECK(story.world.run_until(another_leads, seconds(5)));  // the full one's vote counts
  story.world.machine(leader).start();
  CHECK(story.set(story.elect()));
  story.world.run_for(seconds(40));
  CHECK(story.world.machine(old).life() == 1);
  CHECK((story.disk_of(old) == raft::DiskState::works));
  story.gets_well();
}

TEST_CASE("when all disks are full no SET is stored, reads and the leader stay, and it heals by itself") {
  for (const std::size_t nodes : {1U, 3U}) {
    Disks story(nodes, 4);
    const NodeId leader = story.elect();
    REQUIRE(story.set(leader));
    for (const NodeId node : story.world.nodes()) {
      story.world.machine(node).fill_disk(seconds(40));
    }
    story.press(leader, seconds(5), 200);
    story.world.run_for(seconds(1));
    const NodeId now = story.elect();
    const LogIndex last = story.world.machine(now).actors().core().last_index();
    const std::size_t elections = story.world.oracles().elections();
    for (const NodeId node : story.world.nodes()) {
      CHECK((story.disk_of(node) == raft::DiskState::full));
      CHECK_FALSE(story.set(node));
      CHECK(story.get(node));
    }
    CHECK((story.world.machine(now).actors().core().last_index() == last));  // certainly not appended
    CHECK(story.world.oracles().elections() == elections);
    story.world.run_for(seconds(40));
    for (const NodeId node : story.world.nodes()) {
      CHECK(story.world.machine(node).life() == 1);
      CHECK((story.disk_of(node) == raft::DiskState::works));
    }
    story.gets_well();
  }
}

TEST_CASE("a snapshot for which there is no room is none, and nothing else comes of it") {
  Plan plan = Disks::plan_for(3, 5);
  plan.segment_size = 1 << 20;
  plan.snapshot_log_size = 4 << 10;
  Disks story(plan);
  const NodeId leader = story.elect();
  for (const NodeId node : story.world.nodes()) {
    story.world.machine(node).fill_disk(seconds(20));
  }
  story.press(leader, seconds(4), 100);
  CHECK(story.set(leader));
  CHECK(story.world.serving_leader() == leader);
  CHECK((story.world.machine(leader).actors().core().snapshot() == EntryId()));
  story.world.run_for(seconds(20));
  story.press(leader, seconds(2), 100);
  CHECK((story.world.machine(leader).actors().core().snapshot() != EntryId()));
  story.gets_well();
}

// ---- A disk that fails ----

std::size_t marks_of(Disks& story, NodeId node) {
  return story.world.machine(node).disk().names_in(run_directory, false).size();
}

TEST_CASE("a leader whose write or sync fails gives up at once: another serves before an election timeout has passed") {
  for (const test::FileOperation operation : {test::FileOperation::write, test::FileOperation::sync}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Disks story(3, seed);
      const NodeId old = story.elect();
      REQUIRE(story.set(old));
      story.world.run_for(milliseconds(200));
      CHECK(marks_of(story, old) == 1);
      story.world.machine(old).fail_next(operation);
      const Client::Number in_doubt = story.client().set(old, "key", 16);
      const Machine& machine = story.world.machine(old);
      const auto has_failed = [&] { return !machine.is_up() || story.disk_of(old) == raft::DiskState::failed; };
      CHECK(story.world.run_until(has_failed, story.election_timeout() / 2));
      REQUIRE(machine.is_up());
      CHECK(story.world.machine(old).actors().core().leading() == nullptr);  // whatever is not committed
      CHECK(marks_of(story, old) == 0);
      CHECK(story.another_serves(old, story.election_timeout() / 2));
      story.world.run_until([&] { return story.client().fate(in_doubt) != Fate::open; }, patience);
      CHECK(story.world.run_until([&] { return !story.world.machine(old).is_up(); }, seconds(2)));
      CHECK(story.set(*story.world.serving_leader()));
      story.world.machine(old).start();
      CHECK((story.world.machine(old).actors().core().standing() == Standing::abstaining));
      story.gets_well();
    }
  }
}

TEST_CASE("at written, a node whose sync has failed comes back recovering, though its kernel lives") {
  Plan plan = Disks::plan_for(3, 1);
  plan.ack = Durability::written;
  plan.fsync_interval = milliseconds(50);
  Disks story(plan);
  const NodeId node(story.elect() == NodeId(1) ? 2 : 1);
  story.world.machine(node).fail_next(test::FileOperation::sync);
  story.press(*story.world.serving_leader(), milliseconds(500));
  REQUIRE(story.world.run_until([&] { return !story.world.machine(node).is_up(); }, seconds(3)));
  story.world.machine(node).start();
  CHECK((story.world.machine(node).actors().core().standing() == Standing::recovering));
  story.gets_well();
  CHECK((story.world.machine(node).actors().core().standing() == Standing::sound));
}

TEST_CASE(
    "a node whose snapshot could not be synced ends as one whose log could not, and says of no run that it ended "
    "well") {
  Plan plan = Disks::plan_for(3, 1);
  plan.ack = Durability::written;
  plan.snapshot_log_size = 4 << 10;
  Disks story(plan);
  const NodeId node(story.elect() == NodeId(1) ? 2 : 1);
  story.world.machine(node).fail_next(test::FileOperation::sync, "snapshot");
  story.press(*story.world.serving_leader(), seconds(2), 100);
  REQUIRE(story.world.run_until([&] { return !story.world.machine(node).is_up(); }, seconds(3)));
  CHECK(marks_of(story, node) == 0);
  story.world.machine(node).start();
  CHECK((story.world.machine(node).actors().core().standing() == Standing::recovering));
  story.gets_well();
}

LogIndex revision_of_key(Machine& machine) {
  const kv::Item* item = machine.actors().state().dictionary().find("key");
  return item != nullptr ? item->revision : LogIndex();
}

// The kernel goes on showing what the failed sync has lost, and says at the next one that all is well.
TEST_CASE("what a failed sync has lost is written again at the next start, before anything is said of it") {
  for (const Durability ack : {Durability::synced, Durability::written}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      Plan plan = Disks::plan_for(1, seed);
      plan.ack = ack;
      plan.fsync_interval = ack == Durability::written ? Duration(milliseconds(200)) : Duration::zero();
      Disks story(plan);
      Machine& machine = story.world.machine(NodeId(1));
      story.elect();
      story.press(NodeId(1), milliseconds(300));
      machine.forget_at_next_sync();
      story.press(NodeId(1), milliseconds(400));
      REQUIRE(story.world.run_until([&] { return !machine.is_up(); }, seconds(3)));
      machine.start();
      story.elect();
      CHECK(story.get(NodeId(1)));
      const LogIndex shown = revision_of_key(machine);
      machine.end(Ending::power_lost);
      machine.start();
      story.elect();
      CHECK(story.get(NodeId(1)));
      CHECK((revision_of_key(machine) == shown));
      story.gets_well();
    }
  }
}

}  // namespace
}  // namespace strata::sim
