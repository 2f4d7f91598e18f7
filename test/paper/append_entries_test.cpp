// Raft paper, Figure 2, box "AppendEntries RPC".
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("AppendEntries arguments: the leader's term, prevLogIndex and prevLogTerm, entries, leaderCommit") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 3, node.core.leading()->round));
  REQUIRE(node.core.commit_index() == index(3));
  node.propose({"x"});
  const AppendEntries request = node.only<AppendEntries>(2);
  CHECK(request.term == term(2));
  CHECK(request.prev_log_index == index(3));
  CHECK(request.prev_log_term == term(2));
  CHECK(request.leader_commit == index(3));
  REQUIRE(request.entries.size() == 1);
  CHECK(request.entries[0].payload() == "x");
}

TEST_CASE("leaderId, so that a follower can redirect clients") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(3, append_entries(1, 0, 0));
  CHECK(node.core.leader() == id(3));
  REQUIRE(node.last.leadership);
  CHECK(node.last.leadership->leader == id(3));
  CHECK(node.last.leadership->ready);
}

TEST_CASE("More than one entry may be sent for efficiency, and none as heartbeat") {
  Node node = node_with_log({}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  node.propose({"a", "b", "c"});
  CHECK(node.only<AppendEntries>(2).entries.size() == 3);
  node.pass(node.core.config().heartbeat_interval);
  CHECK(node.only<AppendEntries>(2).entries.empty());
}

TEST_CASE("AppendEntries result: currentTerm, for the leader to update itself") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, append_entries(3, 0, 0));
  const auto response = node.only<AppendEntriesResponse>(2);
  CHECK(response.term == term(5));

  Node leader = node_with_log({1}, {term(2), id(0)});
  elect(leader);
  leader.receive(2, response);
  CHECK(leader.core.role() == Role::follower);
  CHECK(leader.core.hard_state().term == term(5));
}

TEST_CASE("success is true if the follower contained an entry matching prevLogIndex and prevLogTerm") {
  Node node = node_with_log({1, 2, 2}, {term(2), id(0)});
  node.receive(2, append_entries(2, 2, 2));
  CHECK(node.only<AppendEntriesResponse>(2).success);
  node.receive(2, append_entries(2, 2, 1));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  node.receive(2, append_entries(2, 4, 2));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
}

TEST_CASE("Receiver 1: reply false if term < currentTerm") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, append_entries(4, 1, 1, entries_of(2, {4}), 2));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  CHECK(node.core.last_index() == index(1));
  CHECK(node.core.commit_index() == index(0));
  CHECK(node.core.leader() == id(0));
}

TEST_CASE(
    "Receiver 2: reply false if the log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm") {
  Node node = node_with_log({1, 1, 2}, {term(3), id(0)});
  SUBCASE("it is too short") {
    node.receive(2, append_entries(3, 5, 3, entries_of(6, {3})));
  }
  SUBCASE("it has another term there") {
    node.receive(2, append_entries(3, 3, 3, entries_of(4, {3})));
  }
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{1, 1, 2});
}

TEST_CASE(
    "Receiver 3: if an existing entry conflicts with a new one, delete the existing entry and all that follow it") {
  Node node = node_with_log({1, 1, 2, 2, 2}, {term(3), id(0)});
  node.receive(2, append_entries(3, 1, 1, entries_of(2, {1, 3})));
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{1, 1, 3});
  node.settle();
  CHECK(node.disk.synced.size() == 3);
  CHECK(node.disk.synced[2].term == term(3));
}

TEST_CASE("Receiver 3: without a conflict nothing is deleted, so that a late AppendEntries does no harm") {
  Node node = node_with_log({1, 1, 2, 2, 2}, {term(2), id(0)});
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1})));
  CHECK(node.core.last_index() == index(5));
  node.receive(2, append_entries(2, 0, 0));
  CHECK(node.core.last_index() == index(5));
}

TEST_CASE("Receiver 4: append any new entries not already in the log") {
  Node node = node_with_log({1, 1}, {term(2), id(0)});
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1, 2, 2})));
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{1, 1, 2, 2});
  REQUIRE(node.last.append);
  CHECK(node.last.append->entries.size() == 2);  // only those are written
  CHECK(node.last.append->entries[0].index == index(3));
  node.settle();
  CHECK(node.disk.synced[3].payload() == "2:4");
}

TEST_CASE("Receiver 5: if leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)") {
  Node node = node_with_log({1}, {term(1), id(0)});
  SUBCASE("leaderCommit is less") {
    node.receive(2, append_entries(1, 1, 1, entries_of(2, {1, 1}), 2));
    CHECK(node.core.commit_index() == index(2));
  }
  SUBCASE("the last new entry is less") {
    node.receive(2, append_entries(1, 1, 1, entries_of(2, {1, 1}), 9));
    CHECK(node.core.commit_index() == index(3));
  }
}

TEST_CASE("Receiver 5: entries behind the last new one are not committed, though they are in the log") {
  Node node = node_with_log({1, 1, 1, 1}, {term(2), id(0)});
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1}), 4));
  CHECK(node.core.commit_index() == index(2));
  node.receive(2, append_entries(2, 0, 0, {}, 4));  // a heartbeat proves nothing more either
  CHECK(node.core.commit_index() == index(2));
}

TEST_CASE("Receiver 5: a new leader's word counts from what it has proved itself") {
  Node node = node_with_log({1, 1, 1, 1}, {term(2), id(0)});
  node.receive(2, append_entries(2, 4, 1));
  node.receive(3, append_entries(3, 1, 1, {}, 4));
  CHECK(node.core.commit_index() == index(1));
}
