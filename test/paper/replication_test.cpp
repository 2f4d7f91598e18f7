// Raft paper, section 5.3: log replication.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("5.3: the leader appends the command and issues AppendEntries in parallel to each of the other servers") {
  Node node = node_with_log({}, {term(0), id(0)});
  elect(node);
  for (const int peer : {2, 3}) {
    node.receive(peer, success(node, 1, node.core.leading()->round));
  }
  node.outbox.clear();
  node.propose({"x"});
  CHECK(node.core.synced() == index(1));  // not even its own disk is waited for
  CHECK(node.take_entries(2).size() == 1);
  CHECK(node.take_entries(3).size() == 1);
}

TEST_CASE("5.3: an entry is encoded once, and its bytes are shared") {
  Node node = node_with_log({}, {term(0), id(0)});
  elect(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  node.outbox.clear();
  node.propose({"x", "y"});
  const auto sent = node.take_entries(2).at(0).entries;
  REQUIRE(node.last.append);
  CHECK(sent[0].body.owner() == node.last.append->entries[0].body.owner());
  CHECK(sent[0].body.owner() == sent[1].body.owner());
  CHECK(sent[0].body.owner() == node.core.log().entry(index(2)).body.owner());
}

TEST_CASE("5.3: if followers crash or packets are lost, the leader retries until all followers store all entries") {
  Cluster cluster(3);
  cluster.elect(1);
  cluster.node(1).propose({"x"});
  cluster.settle({3});
  CHECK(cluster.node(1).core.commit_index() == index(2));
  for (int beat = 0; beat < 4; ++beat) {
    cluster.pass(cluster.node(1).core.config().heartbeat_interval);
    cluster.settle();
  }
  CHECK(cluster.node(3).core.last_index() == index(2));
  CHECK(cluster.node(3).core.commit_index() == index(2));
}

TEST_CASE("5.3: once a follower learns that a log entry is committed, it applies the entry in log order") {
  Cluster cluster(3);
  cluster.elect(1);
  cluster.node(1).propose({"x", "y"});
  cluster.settle();
  cluster.pass(cluster.node(1).core.config().heartbeat_interval);
  cluster.settle();
  REQUIRE(cluster.node(2).committed.size() == 3);
  CHECK(cluster.node(2).committed[1].payload() == "x");
  CHECK(cluster.node(2).committed[2].payload() == "y");
}

TEST_CASE("5.3: the leader includes the highest committed index in future AppendEntries, including heartbeats") {
  Node node = node_with_log({}, {term(0), id(0)});
  elect(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  node.outbox.clear();
  node.pass(node.core.config().heartbeat_interval);
  CHECK(node.only<AppendEntries>(2).leader_commit == index(1));
}

TEST_CASE("5.3: Log Matching: a follower that doesn't find the previous entry refuses the new entries") {
  Node node = node_with_log({1, 1}, {term(2), id(0)});
  node.receive(2, append_entries(2, 3, 1, entries_of(4, {2})));
  const auto response = node.only<AppendEntriesResponse>(2);
  CHECK_FALSE(response.success);
  CHECK(response.conflict_index == index(3));
  CHECK(response.conflict_term == term(0));
  CHECK(node.core.last_index() == index(2));
}

TEST_CASE("5.3: when rejecting, the follower can include the conflicting term and its first index for that term") {
  Node node = node_with_log({1, 2, 2, 2}, {term(5), id(0)});
  node.receive(2, append_entries(5, 4, 4, entries_of(5, {5})));
  const auto response = node.only<AppendEntriesResponse>(2);
  CHECK(response.conflict_index == index(2));
  CHECK(response.conflict_term == term(2));
}

TEST_CASE("5.3: a rejection does not point at what is committed or verified") {
  Node node = node_with_log({1, 1, 1, 1}, {term(1), id(0)});
  SUBCASE("committed") {
    node.receive(2, append_entries(1, 2, 1, {}, 2));
    node.receive(3, append_entries(5, 4, 4));
    node.settle();
  }
  SUBCASE("verified") {
    node.receive(3, append_entries(5, 2, 1));
    node.receive(3, append_entries(5, 4, 4));
    node.settle();
    CHECK(node.take<AppendEntriesResponse>(3).size() == 2);
    node.receive(3, append_entries(5, 4, 4));
  }
  CHECK(node.only<AppendEntriesResponse>(3).conflict_index == index(3));
}

TEST_CASE(
    "5.3: with this information the leader can decrement nextIndex to bypass all conflicting entries of the term") {
  Node node = node_with_log({1, 1, 4, 4, 5, 5, 5}, {term(6), id(0)});
  elect(node);
  const Round round = node.core.leading()->round;
  SUBCASE("it has no entry of that term") {
    node.receive(2, rejection(node, 3, 2, round));
    CHECK(node.only<AppendEntries>(2).prev_log_index == index(2));
  }
  SUBCASE("it has: then the last of them is the same") {
    node.receive(2, rejection(node, 3, 4, round));
    CHECK(node.only<AppendEntries>(2).prev_log_index == index(4));
  }
  SUBCASE("its own entries of that term end before the follower's begin") {
    node.receive(2, rejection(node, 5, 4, round));
    CHECK(node.only<AppendEntries>(2).prev_log_index == index(4));
  }
}

TEST_CASE(
    "5.3: Figure 7: conflicting entries in follower logs will be overwritten with entries from the leader's log") {
  using Terms = std::vector<std::uint64_t>;
  const Terms leader{1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
  const std::vector<Terms> followers{
      {1, 1, 1, 4, 4, 5, 5, 6, 6},          {1, 1, 1, 4},          {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, {1, 1, 1, 4, 4, 4, 4}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}};
  for (const Terms& follower : followers) {
    Cluster cluster(3);
    cluster.nodes.clear();
    cluster.nodes.emplace(id(1), node_with_log(leader, {term(7), id(0)}, 1));
    cluster.nodes.emplace(id(2), node_with_log(follower, {term(7), id(0)}, 2));
    cluster.nodes.emplace(id(3), node_with_log(leader, {term(7), id(0)}, 3));
    cluster.elect(1);
    CHECK(terms_of(cluster.node(2).core.log()) == std::vector<std::uint64_t>{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8});
    CHECK(cluster.node(2).disk.synced.size() == 11);
  }
}

TEST_CASE("5.3: Leader Append-Only: a leader never overwrites or deletes entries in its own log") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  elect(node);
  node.receive(2, append_entries(2, 0, 0, entries_of(1, {2, 2, 2, 2})));
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{1, 1, 2});
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("5.3: a slow follower does not slow the others") {
  Cluster cluster(3);
  cluster.elect(1);
  for (int proposal = 0; proposal < 20; ++proposal) {
    cluster.node(1).propose({"x"});
    cluster.settle({3});
  }
  CHECK(cluster.node(1).core.commit_index() == index(21));
}
