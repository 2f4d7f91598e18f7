// What the core does for a disk that hangs, is full or has failed (design, section 5; catalogue of bugs, 51 and 52).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static const Duration heartbeat_interval = config_of(1).heartbeat_interval;

// It leads in term 2; all hold its log, which ends with its no-op at 2.
static Node leader(int members = 3, Durability ack = Durability::synced) {
  Config config = complete_config_of(1, members);
  config.ack = ack;
  Node node(config, disk_with_log({1}, {term(1), id(0)}));
  node.step(TimePassed{});
  elect(node);
  for (int peer = 2; peer <= members; ++peer) {
    node.receive(peer, success(node, 2, node.core.leading()->round));
  }
  node.outbox.clear();
  REQUIRE(node.core.commit_index() == index(2));
  return node;
}

// Heartbeats go on, and `peers` answer each of them: they hold everything up to `last`.
static void pass_beats(Node& node, Duration duration, std::uint64_t last, std::initializer_list<int> peers) {
  const TimePoint end = node.now + duration;
  while (node.core.leading() != nullptr && node.last.wake_at < end) {
    node.time_out();
    for (const int peer : peers) {
      if (node.core.leading() != nullptr) {
        node.receive(peer, success(node, last, node.core.leading()->round));
      }
    }
  }
  node.now = end;
  node.step(TimePassed{});
}

static bool orders(Node& node) {
  return !node.take<TimeoutNow>(2).empty() || !node.take<TimeoutNow>(3).empty();
}

TEST_CASE("A leader whose disk has not moved for two election timeouts hands over to one whose disk has") {
  Node node = leader();
  node.propose({"x"});
  pass_beats(node, 2 * election_timeout - Duration(1), 3, {2, 3});
  CHECK(node.core.commit_index() == index(3));  // without its disk
  CHECK((node.core.disk_state() == DiskState::works));
  CHECK_FALSE(orders(node));
  pass_beats(node, heartbeat_interval, 3, {2, 3});
  CHECK((node.core.disk_state() == DiskState::stalled));
  CHECK(orders(node));
}

TEST_CASE("A disk that is slow, but moves, is no reason to hand over") {
  Node node = leader();
  node.propose({"x"});
  node.propose({"x"});
  for (std::uint64_t last = 5; last < 10; ++last) {
    node.propose({"x"});
    pass_beats(node, election_timeout * 3 / 2, last, {2, 3});
    CHECK_FALSE(orders(node));
    node.work();  // the oldest of three, which has waited for longer than that
    node.report();
  }
  CHECK(node.core.leading() != nullptr);
}

TEST_CASE("A disk that owes nothing does not hang, however long nothing was written") {
  Node node = leader();
  pass_beats(node, 10 * election_timeout, 2, {2, 3});
  CHECK((node.core.disk_state() == DiskState::works));
  CHECK_FALSE(orders(node));
}

TEST_CASE("A sync that hangs counts, though all is written") {
  Node node = leader(3, Durability::written);
  node.propose({"x"});
  node.write_all();
  REQUIRE(node.core.written() == index(3));
  pass_beats(node, 3 * election_timeout, 3, {2, 3});
  CHECK_FALSE(orders(node));  // the interval may be long
  node.step(SyncBegun{WriteId(2)});
  pass_beats(node, 2 * election_timeout + heartbeat_interval, 3, {2, 3});
  CHECK(orders(node));
  node.settle();
  CHECK((node.core.disk_state() == DiskState::works));
}

TEST_CASE("A leader whose disk hangs stays when no majority can do without it, and goes on taking proposals") {
  for (const bool one_is_gone : {false, true}) {  // or the others' disks do not move either
    Node node = leader();
    node.propose({"x"});
    for (int half = 1; half <= 10; ++half) {
      if (one_is_gone) {
        pass_beats(node, election_timeout / 2, 3, {2});
      } else {
        pass_beats(node, election_timeout / 2, 2, {2, 3});
      }
      REQUIRE(node.core.leading() != nullptr);
      CHECK_FALSE(node.core.leading()->transfer.has_value());
    }
    CHECK((node.core.disk_state() == DiskState::stalled));
    CHECK_FALSE(orders(node));
  }
}

static Node stepped_down() {
  Node node = leader();
  node.propose({"x"});
  pass_beats(node, 3 * election_timeout + 2 * heartbeat_interval, 3, {2, 3});
  node.outbox.clear();
  return node;
}

TEST_CASE("A leader that could not hand over while its disk hangs steps down, and does not campaign until it moves") {
  Node node = stepped_down();
  REQUIRE(node.core.role() == Role::follower);
  for (int i = 0; i < 5; ++i) {
    node.time_out();
  }
  CHECK(node.core.role() == Role::follower);
  CHECK(node.outbox.empty());
  node.settle();
  node.time_out();
  CHECK(node.core.role() == Role::pre_candidate);
}

TEST_CASE("A node whose disk hangs promises no vote, and does not obey an order to campaign") {
  Node node = stepped_down();
  node.receive(2, PreVote{term(2), index(3), term(2)});
  CHECK_FALSE(node.only<PreVoteResponse>(2).vote_granted);
  Node other = complete_node({1}, {term(1), id(0)});
  follow(other, 1);
  other.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  for (std::uint64_t round = 2; round < 30; ++round) {
    other.now += heartbeat_interval;
    other.receive(2, append_entries(1, 2, 1, {}, 0, round));
  }
  REQUIRE(((heartbeat_interval * 28) > 2 * election_timeout));
  REQUIRE((other.core.disk_state() == DiskState::stalled));
  other.receive(2, TimeoutNow{term(1)});
  CHECK(other.core.role() == Role::follower);
  CHECK(other.core.hard_state().term == term(1));
}

TEST_CASE("A transfer that fails while the disk has begun to move again leaves the leader in office") {
  Node node = leader();
  node.propose({"x"});
  pass_beats(node, 2 * election_timeout + heartbeat_interval, 3, {2, 3});
  REQUIRE(node.core.leading()->transfer.has_value());
  node.settle();
  pass_beats(node, election_timeout + heartbeat_interval, 3, {2, 3});
  CHECK(node.core.leading() != nullptr);
  CHECK_FALSE(node.core.leading()->transfer.has_value());
}

// ---- Full ----

TEST_CASE("A full leader refuses proposals and hands over at once, to a follower that has room") {
  Node node = leader();
  AppendEntriesResponse full = success(node, 2, node.core.leading()->round);
  full.disk_full = true;
  node.receive(2, full);
  node.step(DiskSpace{true});
  CHECK((node.core.disk_state() == DiskState::full));
  CHECK(node.take<TimeoutNow>(2).empty());
  CHECK(node.only<TimeoutNow>(3).term == term(2));
  node.propose({"x"});
  CHECK(node.last.proposals_refused.has_value());
  CHECK(node.core.last_index() == index(2));
}

TEST_CASE("A full leader that could not hand over refuses proposals for its disk, and tries again") {
  Node node = leader();
  node.step(DiskSpace{true});
  pass_beats(node, election_timeout + heartbeat_interval, 2, {2, 3});
  REQUIRE(node.core.leading() != nullptr);
  CHECK_FALSE(node.core.leading()->transfer.has_value());
  node.propose({"x"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK((node.last.proposals_refused->reason == RefusalReason::disk_full));
  node.outbox.clear();
  pass_beats(node, election_timeout, 2, {2, 3});
  CHECK(orders(node));
}

TEST_CASE("When all are full the leader stays, refuses proposals for it, and takes them again when there is room") {
  Node node = leader();
  const auto answer = [&node](int peer, bool is_full) {
    AppendEntriesResponse response = success(node, 2, node.core.leading()->round);
    response.disk_full = is_full;
    node.receive(peer, response);
  };
  answer(2, true);
  node.propose({"x"});
  CHECK(node.last.proposals_appended.has_value());  // it has room itself, and so has a majority
  answer(3, true);
  node.propose({"x"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK((node.last.proposals_refused->reason == RefusalReason::disk_full));
  node.step(DiskSpace{true});
  CHECK_FALSE(orders(node));
  node.propose({"x"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK((node.last.proposals_refused->reason == RefusalReason::disk_full));
  node.step(DiskSpace{false});
  answer(2, false);
  node.propose({"x"});
  CHECK(node.last.proposals_appended.has_value());
}

TEST_CASE("A follower tells its leader that its disk is full, and what an older answer says does not count") {
  Node node = complete_node({1}, {term(1), id(0)});
  follow(node, 1);
  node.outbox.clear();
  node.step(DiskSpace{true});
  node.receive(2, append_entries(1, 1, 1, {}, 0, 2));
  CHECK(node.only<AppendEntriesResponse>(2).disk_full);
  Node leading = leader();
  AppendEntriesResponse old = success(leading, 2, Round(leading.core.leading()->round.value - 1));
  old.disk_full = true;
  leading.receive(2, old);
  CHECK_FALSE(leading.core.leading()->followers.at(id(2)).disk_full);
}

// ---- Failed ----

TEST_CASE("A leader whose disk has failed tells a successor to campaign and leads no more, whatever is not committed") {
  Node node = leader();
  node.propose({"x"});
  node.outbox.clear();
  node.step(DiskFailed{});
  CHECK(orders(node));
  CHECK(node.core.role() == Role::follower);
  CHECK((node.core.disk_state() == DiskState::failed));
  for (int i = 0; i < 5; ++i) {
    node.time_out();
  }
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("A node whose disk has failed wins no election any more") {
  Node node = complete_node({1}, {term(1), id(0)});
  campaign(node);
  node.step(DiskFailed{});
  node.receive(2, RequestVoteResponse{term(2), true});
  node.receive(3, RequestVoteResponse{term(2), true});
  CHECK(node.core.role() == Role::follower);
}
