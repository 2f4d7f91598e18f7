// Lab 2D: snapshots.
#include <doctest/doctest.h>

#include "mit/harness.hpp"

namespace strata::mit {
namespace {

constexpr std::size_t servers = 3;
constexpr std::size_t largest_state = 2000;  // bytes
constexpr std::size_t most_segments = 4;     // for that
constexpr std::uint64_t snapshot_interval = 10;

// A snapshot about every five commands: two are kept, and the log behind the older one.
LabOptions with_snapshots() {
  LabOptions options;
  options.snapshot_log_size = 600;
  options.segment_size = 8192;
  return options;
}

std::uint64_t some_commands(Lab& lab) {
  return snapshot_interval / 2 + lab.random().below(snapshot_interval);
}

enum class Fault { none, disconnect, crash };

struct SnapshotTest {
  Fault fault = Fault::none;
  bool unreliable = false;
};

void take_away(Lab& lab, Server victim, Fault fault) {
  if (fault == Fault::disconnect) {
    lab.disconnect(victim);
  } else {
    lab.crash(victim);
  }
  lab.one(servers - 1, Retry::yes);
}

// It may be so far behind that only a snapshot helps.
void bring_back(Lab& lab, Server victim, Fault fault) {
  if (fault == Fault::crash) {
    lab.restart(victim);
  }
  lab.connect(victim);
  lab.one(servers, Retry::yes);
}

// Who leads afterwards.
Server snapshot_round(Lab& lab, const SnapshotTest& test, Server victim, Server sender) {
  const bool faulty = test.fault != Fault::none;
  if (faulty) {
    take_away(lab, victim, test.fault);
  }
  for (std::uint64_t left = some_commands(lab); left > 0; --left) {
    if (lab.term_if_leader(sender)) {
      lab.offer(sender);
    }
  }
  lab.one(faulty ? servers - 1 : servers, Retry::yes);
  CHECK(lab.most_persisted() < largest_state);
  if (faulty) {
    bring_back(lab, victim, test.fault);
  }
  return lab.check_one_leader();
}

void run_snapshots(const SnapshotTest& test, std::uint64_t seed) {
  Lab lab(servers, seed, with_snapshots());
  lab.set_unreliable(test.unreliable);
  lab.one(servers, Retry::yes);
  Server leader = lab.check_one_leader();
  for (int round = 0; round < 30; ++round) {
    const Server other = lab.after(leader, 1);
    const bool swapped = round % 3 == 1;
    leader = snapshot_round(lab, test, swapped ? leader : other, swapped ? other : leader);
  }
  lab.check_states();
  for (Server server = 0; server < servers; ++server) {
    const Persisted found = lab.persisted(server);
    CHECK(found.snapshot > LogIndex());
    CHECK(found.segments <= most_segments);
  }
  if (test.fault == Fault::none && !test.unreliable) {
    CHECK(lab.traffic().snapshot_chunks() == 0);
  } else {
    CHECK(lab.traffic().snapshot_chunks() > 0);
  }
}

TEST_CASE("TestSnapshotBasic2D") {
  for_seeds([](std::uint64_t seed) { run_snapshots({}, seed); });
}

TEST_CASE("TestSnapshotInstall2D") {
  for_seeds([](std::uint64_t seed) { run_snapshots({.fault = Fault::disconnect}, seed); });
}

TEST_CASE("TestSnapshotInstallUnreliable2D") {
  for_seeds([](std::uint64_t seed) { run_snapshots({.fault = Fault::disconnect, .unreliable = true}, seed); });
}

TEST_CASE("TestSnapshotInstallCrash2D") {
  for_seeds([](std::uint64_t seed) { run_snapshots({.fault = Fault::crash}, seed); });
}

TEST_CASE("TestSnapshotInstallUnCrash2D") {
  for_seeds([](std::uint64_t seed) { run_snapshots({.fault = Fault::crash, .unreliable = true}, seed); });
}

void crash_and_restart_all(Lab& lab) {
  for (Server server = 0; server < servers; ++server) {
    lab.crash(server);
  }
  for (Server server = 0; server < servers; ++server) {
    lab.restart(server);
    lab.connect(server);
  }
}

TEST_CASE("TestSnapshotAllCrash2D") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(servers, seed, with_snapshots());
    lab.one(servers, Retry::yes);
    for (int round = 0; round < 5; ++round) {
      for (std::uint64_t left = some_commands(lab); left > 0; --left) {
        lab.one(servers, Retry::yes);
      }
      const Index before = lab.one(servers, Retry::yes);
      crash_and_restart_all(lab);
      CHECK(lab.one(servers, Retry::yes) >= before + 1);
    }
    lab.check_states();
  });
}

TEST_CASE("TestSnapshotInit2D") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(servers, seed, with_snapshots());
    for (std::uint64_t command = 0; command <= snapshot_interval; ++command) {
      lab.one(servers, Retry::yes);
    }
    crash_and_restart_all(lab);
    for (Server server = 0; server < servers; ++server) {
      CHECK(lab.persisted(server).snapshot > LogIndex());
    }
    // What a server then writes must not make it forget what the snapshot holds.
    lab.one(servers, Retry::yes);
    crash_and_restart_all(lab);
    lab.one(servers, Retry::yes);
    lab.check_states();
  });
}

}  // namespace
}  // namespace strata::mit
