// The log gives way to snapshots, also when the node's life ends in between.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/disk_image.hpp"
#include "sim/world.hpp"
#include "wal/snapshot.hpp"

namespace strata::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t bound = 1000;  // bytes of log
constexpr std::size_t large = 5 * bound;
constexpr std::size_t small = 16;
constexpr NodeId only(1);

// One node, which has a snapshot that reaches up to a large entry.
struct Story {
  World world{plan()};
  LogIndex first_snapshot;

  Story() {
    start();
    set(large);
    REQUIRE(world.run_until([&] { return snapshot() > LogIndex(); }, seconds(1)));
    first_snapshot = snapshot();
  }
  ~Story() { CHECK(world.failure().value_or("") == ""); }
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  static Plan plan() {
    Plan plan = quiet_plan(1);
    plan.nodes = 1;
    plan.snapshot_log_size = bound;
    return plan;
  }
  Machine& machine() { return world.machine(only); }
  // Its election is an entry, too.
  void start() {
    machine().start();
    REQUIRE(world.run_until([&] { return machine().leads_and_serves(); }, seconds(5)));
  }
  Client::Number set(std::size_t size) {
    const Client::Number number = world.client(0).set(only, "key", size);
    world.settles(world.client(0), number, seconds(1));
    return number;
  }
  LogIndex snapshot() { return machine().actors().core().snapshot().index; }
  void check_that_log_goes() {
    CHECK(world.run_until([&] { return machine().actors().core().log().base().index >= first_snapshot; }, seconds(1)));
  }
};

bool has_snapshot(const test::MemoryFiles& disk) {
  const std::vector<std::string> names = disk.names_in(data_directory, true);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) { return wal::snapshot_index(name); });
}

TEST_CASE("a snapshot that decays before its node hears that it was taken had been taken all the same") {
  World world(Story::plan());
  Machine& machine = world.machine(only);
  machine.start();
  REQUIRE(world.run_until([&] { return machine.leads_and_serves(); }, seconds(5)));
  world.client(0).set(only, "key", large);
  machine.slow_down(seconds(1), milliseconds(10));
  for (int reads = 0; reads < 100; ++reads) {
    world.client(0).get(only, "key");  // what the node does instead of hearing of its snapshot
  }
  REQUIRE(world.run_until([&] { return has_snapshot(machine.disk()); }, seconds(5)));
  REQUIRE(machine.actors().core().snapshot().index == LogIndex());
  machine.rot();
  REQUIRE(LogImage(only, machine.disk(), true).newest_whole_snapshot() == LogIndex());
  CHECK(world.run_until([&] { return machine.actors().core().snapshot().index > LogIndex(); }, seconds(5)));
  CHECK(world.failure().value_or("") == "");
}

// Two snapshots must be behind it. The first was taken at once, the second is due with what comes next.
TEST_CASE("the log of a large entry goes with the next one, though the node has restarted in between") {
  for (const Ending ending : {Ending::process_killed, Ending::power_lost}) {
    Story story;
    story.machine().end(ending);
    story.start();
    story.check_that_log_goes();
  }
}

TEST_CASE("what two snapshots release goes, though the node ends at any call to the disk on the way there") {
  for (std::uint64_t calls = 0;; ++calls) {
    CAPTURE(calls);
    Story story;
    story.machine().end_in_disk_call(calls, Ending::process_killed);
    story.set(small);
    story.world.run_for(seconds(1));
    if (story.machine().is_up()) {
      CHECK(calls > 5);
      break;  // it needs no more calls than these
    }
    story.start();
    story.check_that_log_goes();
  }
}

}  // namespace
}  // namespace strata::sim
