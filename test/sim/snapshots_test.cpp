// The log gives way to snapshots, also when the node's life ends in between.
#include <doctest/doctest.h>

#include "sim/world.hpp"

namespace strata::sim {
namespace {

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
