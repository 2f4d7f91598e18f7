// Lab 3B: the service with snapshots.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mit/clerk.hpp"
#include "mit/harness.hpp"
#include "mit/service.hpp"

namespace strata::mit {
namespace {

constexpr std::size_t max_raft_state = 1000;  // bytes
constexpr std::size_t largest_snapshot = 500;

LabOptions with_clerks() {
  LabOptions options = options_for(max_raft_state);
  options.clerks = 3;
  return options;
}

void run_all(ServiceTest test) {
  test.max_raft_state = max_raft_state;
  for_seeds([&](std::uint64_t seed) { run_service(test, seed); }, 2);
}

TEST_CASE("TestSnapshotRPC3B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed, with_clerks());
    Clerk clerk(lab, 0);
    const Command a = clerk.put_now("a");
    CHECK((clerk.get_now("a") == a));

    lab.partition({false, false, true});
    Clerk first_two(lab, 1);
    first_two.ask({0, 1});
    std::vector<Command> numbers;
    for (int number = 0; number < 50; ++number) {
      const Command written = first_two.put_now(std::to_string(number));
      numbers.push_back(written);
    }
    lab.sleep(election_timeout);
    const Command b = first_two.put_now("b");
    CHECK(std::max(lab.persisted(0).raft_bytes, lab.persisted(1).raft_bytes) <= 8 * max_raft_state);

    // The server that was apart is needed now; only a snapshot can bring it there.
    CHECK(lab.traffic().snapshot_chunks() == 0);
    lab.partition({false, true, false});
    Clerk around(lab, 2);
    around.ask({0, 2});
    const Command c = around.put_now("c");
    const Command d = around.put_now("d");
    CHECK(lab.traffic().snapshot_chunks() > 0);
    CHECK((around.get_now("a") == a));
    CHECK((around.get_now("b") == b));
    CHECK((around.get_now("1") == numbers[1]));
    CHECK((around.get_now("49") == numbers[49]));

    lab.connect_all();
    const Command e = clerk.put_now("e");
    CHECK((clerk.get_now("c") == c));
    CHECK((clerk.get_now("d") == d));
    CHECK((clerk.get_now("e") == e));
    CHECK((clerk.get_now("1") == numbers[1]));
    lab.check_states();
  });
}

// Neither values that were overwritten nor sessions may pile up.
TEST_CASE("TestSnapshotSize3B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed, with_clerks());
    Clerk clerk(lab, 0);
    for (int i = 0; i < 400; ++i) {
      const Command written = clerk.put_now("x");
      CHECK((clerk.get_now("x") == written));
    }
    CHECK(lab.most_persisted() <= 8 * max_raft_state);
    for (Server server = 0; server < lab.servers(); ++server) {
      const Persisted found = lab.persisted(server);
      CHECK(found.snapshot > LogIndex());
      CHECK(found.snapshot_bytes <= largest_snapshot);
    }
    CHECK((lab.world().elapsed() < seconds(20)));
  });
}

TEST_CASE("TestSpeed3B") {
  for_seeds([](std::uint64_t seed) { check_speed(with_clerks(), seed); });
}

TEST_CASE("TestSnapshotRecover3B") {
  run_all({.clients = 1, .crash = true});
}

TEST_CASE("TestSnapshotRecoverManyClients3B") {
  run_all({.clients = 20, .crash = true});
}

TEST_CASE("TestSnapshotUnreliable3B") {
  run_all({.clients = 5, .unreliable = true});
}

TEST_CASE("TestSnapshotUnreliableRecover3B") {
  run_all({.clients = 5, .unreliable = true, .crash = true});
}

TEST_CASE("TestSnapshotUnreliableRecoverConcurrentPartition3B") {
  run_all({.clients = 5, .unreliable = true, .crash = true, .partitions = true});
}

TEST_CASE("TestSnapshotUnreliableRecoverConcurrentPartitionLinearizable3B") {
  run_all({.clients = 15, .servers = 7, .unreliable = true, .crash = true, .partitions = true, .random_keys = true});
}

}  // namespace
}  // namespace strata::mit
