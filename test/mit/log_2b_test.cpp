// Lab 2B: the log.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "mit/harness.hpp"

namespace strata::mit {
namespace {

TEST_CASE("TestBasicAgree2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    for (Index index = 1; index <= 3; ++index) {
      lab.check_nothing_at(index);
      CHECK(lab.one(3, Retry::no) == index);
    }
  });
}

TEST_CASE("TestRPCBytes2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.one(3, Retry::no);
    const std::uint64_t before = lab.traffic().bytes();
    constexpr Index last = 11;
    for (Index index = 2; index <= last; ++index) {
      CHECK(lab.one(3, Retry::no, 5000) == index);
    }
    const std::uint64_t sent = (last - 1) * 5000;
    CHECK(lab.traffic().bytes() - before <= lab.servers() * sent + 50'000);
  });
}

TEST_CASE("TestFollowerFailure2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.one(3, Retry::no);
    const Server leader = lab.check_one_leader();
    lab.disconnect(lab.after(leader, 1));
    lab.one(2, Retry::no);
    lab.sleep(election_timeout);
    lab.one(2, Retry::no);

    const Server same = lab.check_one_leader();
    lab.disconnect(lab.after(same, 1));
    lab.disconnect(lab.after(same, 2));
    const auto started = lab.start(same);
    REQUIRE(started.has_value());
    CHECK(started->index == 4);
    lab.sleep(2 * election_timeout);
    lab.check_nothing_at(4);
  });
}

TEST_CASE("TestLeaderFailure2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.one(3, Retry::no);
    lab.disconnect(lab.check_one_leader());
    lab.one(2, Retry::no);
    lab.sleep(election_timeout);
    lab.one(2, Retry::no);

    lab.disconnect(lab.check_one_leader());
    for (Server server = 0; server < lab.servers(); ++server) {
      lab.start(server);
    }
    lab.sleep(2 * election_timeout);
    lab.check_nothing_at(4);
  });
}

TEST_CASE("TestFailAgree2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.one(3, Retry::no);
    const Server follower = lab.after(lab.check_one_leader(), 1);
    lab.disconnect(follower);
    lab.one(2, Retry::no);
    lab.one(2, Retry::no);
    lab.sleep(election_timeout);
    lab.one(2, Retry::no);
    lab.one(2, Retry::no);

    lab.connect(follower);
    lab.one(3, Retry::yes);
    lab.sleep(election_timeout);
    lab.one(3, Retry::yes);
  });
}

TEST_CASE("TestFailNoAgree2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(5, seed);
    lab.one(5, Retry::no);
    const Server leader = lab.check_one_leader();
    for (const std::size_t distance : {1u, 2u, 3u}) {
      lab.disconnect(lab.after(leader, distance));
    }
    const auto started = lab.start(leader);
    REQUIRE(started.has_value());
    CHECK(started->index == 2);
    lab.sleep(2 * election_timeout);
    lab.check_nothing_at(2);

    for (const std::size_t distance : {1u, 2u, 3u}) {
      lab.connect(lab.after(leader, distance));
    }
    // Those that were apart may have elected one that knows nothing of the entry at index 2.
    const auto next = lab.start(lab.check_one_leader());
    REQUIRE(next.has_value());
    CHECK((next->index == 2 || next->index == 3));
    lab.one(5, Retry::yes);
  });
}

// Five commands at once to one server: what it appended, and in which terms.
std::vector<Started> start_at_once(Lab& lab, Server leader, std::size_t count) {
  std::vector<Started> all;
  for (std::size_t i = 0; i < count; ++i) {
    lab.spawn(lab.note_start(leader, &all));
  }
  lab.join();
  return all;
}

// True unless the leader lost its term meanwhile.
bool concurrent_starts_agree(Lab& lab) {
  const Server leader = lab.check_one_leader();
  const auto first = lab.start(leader);
  if (!first) {
    return false;
  }
  const std::vector<Started> all = start_at_once(lab, leader, 5);
  const bool one_term = std::ranges::all_of(all, [&](const Started& one) { return one.term == first->term; });
  if (all.size() < 5 || !one_term) {
    return false;
  }
  std::vector<Command> agreed;
  for (const Started& started : all) {
    const auto command = lab.wait(started.index, lab.servers(), first->term);
    if (!command) {
      return false;
    }
    agreed.push_back(*command);
  }
  for (const Started& started : all) {
    CHECK(std::ranges::count(agreed, started.command) == 1);
  }
  return true;
}

TEST_CASE("TestConcurrentStarts2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    bool success = false;
    for (int attempt = 0; attempt < 5 && !success; ++attempt) {
      lab.sleep(attempt > 0 ? seconds(3) : seconds(0));
      success = concurrent_starts_agree(lab);
    }
    CHECK(success);
  });
}

TEST_CASE("TestRejoin2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.one(3, Retry::yes);
    const Server first = lab.check_one_leader();
    lab.disconnect(first);
    std::vector<Command> doomed;
    for (int i = 0; i < 3; ++i) {
      const auto started = lab.start(first);
      REQUIRE(started.has_value());
      doomed.push_back(started->command);
    }
    lab.one(2, Retry::yes);

    const Server second = lab.check_one_leader();
    lab.disconnect(second);
    lab.connect(first);
    lab.one(2, Retry::yes);
    lab.connect(second);
    lab.one(lab.servers(), Retry::yes);
    for (const Command command : doomed) {
      CHECK(std::ranges::count(lab.committed(), command) == 0);
    }
  });
}

void start_many(Lab& lab, Server leader, int count) {
  for (int i = 0; i < count; ++i) {
    lab.start(leader);
  }
}

TEST_CASE("TestBackup2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(5, seed);
    lab.one(5, Retry::yes);

    // One leader and one follower apart, with many commands that will not be committed.
    const Server first = lab.check_one_leader();
    for (const std::size_t distance : {2u, 3u, 4u}) {
      lab.disconnect(lab.after(first, distance));
    }
    start_many(lab, first, 50);
    lab.sleep(election_timeout / 2);
    lab.disconnect(first);
    lab.disconnect(lab.after(first, 1));
    for (const std::size_t distance : {2u, 3u, 4u}) {
      lab.connect(lab.after(first, distance));
    }
    for (int i = 0; i < 50; ++i) {
      lab.one(3, Retry::yes);
    }

    // Now another leader with one partner and many commands that will not be committed.
    const Server second = lab.check_one_leader();
    const Server other = second == lab.after(first, 2) ? lab.after(second, 1) : lab.after(first, 2);
    lab.disconnect(other);
    start_many(lab, second, 50);
    lab.sleep(election_timeout / 2);
    for (Server server = 0; server < lab.servers(); ++server) {
      lab.disconnect(server);
    }
    for (const Server server : {first, lab.after(first, 1), other}) {
      lab.connect(server);
    }
    for (int i = 0; i < 50; ++i) {
      lab.one(3, Retry::yes);
    }
    for (Server server = 0; server < lab.servers(); ++server) {
      lab.connect(server);
    }
    lab.one(lab.servers(), Retry::yes);
  });
}

// True unless a term was over before all was counted.
bool agreement_takes_few_calls(Lab& lab) {
  const Server leader = lab.check_one_leader();
  const std::uint64_t before = lab.traffic().calls();
  const auto first = lab.start(leader);
  if (!first) {
    return false;
  }
  constexpr Index commands = 10;
  std::vector<Started> all;
  for (Index i = 1; i < commands + 2; ++i) {
    const auto started = lab.start(leader);
    if (!started || started->term != first->term) {
      return false;
    }
    CHECK(started->index == first->index + i);
    all.push_back(*started);
  }
  for (Index i = 0; i < commands; ++i) {
    const auto command = lab.wait(first->index + 1 + i, lab.servers(), first->term);
    if (!command) {
      return false;
    }
    CHECK(*command == all[i].command);
  }
  const std::uint64_t calls = lab.traffic().calls() - before;
  for (Server server = 0; server < lab.servers(); ++server) {
    if (lab.term(server) != first->term) {
      return false;
    }
  }
  CHECK(calls <= (commands + 1 + 3) * 3);
  return true;
}

TEST_CASE("TestCount2B") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.check_one_leader();
    CHECK(lab.traffic().calls() >= 1);
    CHECK(lab.traffic().calls() <= 30);

    bool success = false;
    for (int attempt = 0; attempt < 5 && !success; ++attempt) {
      lab.sleep(attempt > 0 ? seconds(3) : seconds(0));
      success = agreement_takes_few_calls(lab);
    }
    CHECK(success);

    const std::uint64_t before = lab.traffic().calls();
    lab.sleep(election_timeout);
    CHECK(lab.traffic().calls() - before <= 3 * 20);
  });
}

}  // namespace
}  // namespace strata::mit
