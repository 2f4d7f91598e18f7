// Raft thesis, section 3.10: leadership transfer.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static const Duration heartbeat_interval = config_of(1).heartbeat_interval;

// It leads in term 2, and both followers hold its log, which ends with its no-op at 2.
static Node leader_with_followers() {
  Node node = complete_node({1}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 2, node.core.leading()->round));
  node.receive(3, success(node, 2, node.core.leading()->round));
  node.outbox.clear();
  REQUIRE(node.core.commit_index() == index(2));
  return node;
}

static void transfer(Node& node, int target = 0) {
  node.step(TransferLeadership{id(target)});
}

TEST_CASE("3.10: the leader tells a follower that has its whole log to campaign at once") {
  Node node = leader_with_followers();
  transfer(node, 3);
  CHECK(node.only<TimeoutNow>(3).term == term(2));
  CHECK(node.take<TimeoutNow>(2).empty());
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("3.10: the prior leader stops accepting new client requests, and says that it is not ready") {
  Node node = leader_with_followers();
  transfer(node, 3);
  CHECK(node.last.leadership == Leadership{Role::leader, term(2), id(1), false});
  node.propose({"x"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK(node.last.proposals_refused->reason == RefusalReason::not_leader);
  CHECK(node.core.last_index() == index(2));
}

TEST_CASE("3.10: the prior leader brings the target up to date first, and commits what it has") {
  Node node = leader_with_followers();
  node.propose({"x"});
  transfer(node, 3);
  node.settle();
  CHECK(node.take<TimeoutNow>(3).empty());
  const Round round = node.core.leading()->round;
  SUBCASE("the target is the last to hold it") {
    node.receive(2, success(node, 3, round));
    CHECK(node.core.commit_index() == index(3));
    CHECK(node.take<TimeoutNow>(3).empty());
    node.receive(3, success(node, 3, round));
  }
  SUBCASE("the target holds it, but not on its disk, nor does another") {
    node.receive(3, success(node, 3, 3, 2, round));
    CHECK(node.take<TimeoutNow>(3).empty());
    node.receive(2, success(node, 3, round));
  }
  CHECK(node.take<TimeoutNow>(3).size() == 1);
}

TEST_CASE("3.10: the target campaigns without waiting and without pre-vote, and says why") {
  Node node = complete_node({1}, {term(1), id(0)});
  follow(node, 1);
  node.receive(2, TimeoutNow{term(1)});
  CHECK(node.core.role() == Role::candidate);
  node.settle();
  for (const int peer : {2, 3}) {
    const auto request = node.only<RequestVote>(peer);
    CHECK(request.term == term(2));
    CHECK(request.leadership_transfer);
  }
  node.time_out();  // its next election is one like any other
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(3, PreVoteResponse{term(2), term(2), true});
  node.settle();
  CHECK_FALSE(node.only<RequestVote>(3).leadership_transfer);
}

TEST_CASE("3.10: nobody but the leader of the term gives the order") {
  Node node = complete_node({1}, {term(4), id(0)});
  SUBCASE("another follower") {
    follow(node, 4);
    node.receive(3, TimeoutNow{term(4)});
  }
  SUBCASE("the leader of an earlier term") {
    follow(node, 4);
    node.receive(2, TimeoutNow{term(3)});
  }
  SUBCASE("one that is not known to lead") {
    node.receive(2, TimeoutNow{term(4)});
  }
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.hard_state().term == term(4));
  CHECK(node.outbox.empty());
}

TEST_CASE("3.10: the prior leader votes for its successor") {
  Node node = leader_with_followers();
  transfer(node, 3);
  node.receive(3, RequestVote{term(3), index(2), term(2), true});
  node.settle();
  CHECK(node.core.role() == Role::follower);
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("3.10: after an election timeout without success the leader goes on as before") {
  Node node = leader_with_followers();
  const TimePoint start = node.now;
  transfer(node, 3);
  while (node.now < start + election_timeout - heartbeat_interval) {
    node.time_out();
    node.receive(2, success(node, 2, node.core.leading()->round));
    CHECK_FALSE(node.core.leading()->transfer == std::nullopt);
  }
  node.pass(start + election_timeout - node.now);
  REQUIRE(node.core.role() == Role::leader);
  CHECK(node.last.leadership == Leadership{Role::leader, term(2), id(1), true});
  node.propose({"x"});
  CHECK(node.last.proposals_appended.has_value());
}

TEST_CASE("3.10: an order that was lost is given again with each heartbeat, and not more often") {
  Node node = leader_with_followers();
  transfer(node, 3);
  node.receive(3, success(node, 2, node.core.leading()->round));
  node.receive(2, success(node, 2, node.core.leading()->round));
  CHECK(node.take<TimeoutNow>(3).size() == 1);
  node.time_out();
  CHECK(node.take<TimeoutNow>(3).size() == 1);
}

TEST_CASE("3.10: the best successor is heard of and holds the most") {
  Node node = complete_node({1}, {term(1), id(0)}, 1, 5);
  elect(node);
  const Round old = node.core.leading()->round;
  node.receive(2, success(node, 2, old));  // holds all, and is gone
  node.time_out();
  const Round round = node.core.leading()->round;
  node.receive(3, success(node, 1, round));
  node.receive(4, success(node, 2, round));
  node.receive(5, success(node, 1, round));
  transfer(node);
  REQUIRE(node.core.leading()->transfer.has_value());
  CHECK(node.core.leading()->transfer->target == id(4));
}

TEST_CASE("3.10: there is no transfer to oneself, to a stranger or in a cluster of one, nor by a follower") {
  Node node = leader_with_followers();
  transfer(node, 1);
  transfer(node, 9);
  CHECK_FALSE(node.core.leading()->transfer.has_value());
  Node alone = complete_node({1}, {term(1), id(0)}, 1, 1);
  elect(alone);
  transfer(alone);
  CHECK_FALSE(alone.core.leading()->transfer.has_value());
  Node follower = complete_node({1}, {term(1), id(0)});
  follow(follower, 1);
  transfer(follower);
  CHECK(follower.outbox.empty());
}

TEST_CASE("3.10: a cluster has its new leader without an election timeout") {
  Cluster cluster(3, [](Config& config) { config.pre_vote = config.check_quorum = true; });
  cluster.elect(1);
  cluster.pass(heartbeat_interval);
  cluster.settle();
  transfer(cluster.node(1), 2);
  cluster.settle();
  CHECK(cluster.node(2).core.role() == Role::leader);
  CHECK(cluster.node(1).core.leader() == id(2));
  CHECK(cluster.node(3).core.leader() == id(2));
}

TEST_CASE(
    "What is durable at a follower of a leader that acknowledges at written is what the leader tells, and no more") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  AppendEntries heartbeat = append_entries(1, 2, 1, {}, 2);
  heartbeat.leader_durable = index(1);
  node.receive(2, heartbeat);
  CHECK(node.core.commit_index() == index(2));
  CHECK(node.core.durable() == index(1));
  heartbeat.leader_durable = index(3);  // beyond what is known to be the same
  node.receive(2, heartbeat);
  CHECK(node.core.durable() == index(2));
  heartbeat.leader_durable = index(0);
  node.receive(2, heartbeat);
  CHECK(node.core.durable() == index(2));
}

TEST_CASE("A leader tells its followers what is durable") {
  Config config = config_of(1);
  config.ack = Durability::written;
  Node node(config, Disk());
  elect(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  REQUIRE(node.core.durable() == index(1));
  node.propose({"x"});
  node.write_all();
  node.receive(2, success(node, 2, 2, 1, node.core.leading()->round));
  REQUIRE(node.core.commit_index() == index(2));
  node.outbox.clear();
  node.time_out();
  const auto heartbeat = node.only<AppendEntries>(3);
  CHECK(heartbeat.leader_commit == index(2));
  CHECK(heartbeat.leader_durable == index(1));
}

TEST_CASE("A proposal larger than the limit is taken when nothing is uncommitted, and only then") {
  Config config = config_of(1, 1);
  config.max_uncommitted_bytes = 100;
  Node node(config, Disk());
  elect(node);
  node.propose({Bytes(1000, 'x')});
  CHECK(node.last.proposals_appended.has_value());
  node.propose({"y"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK(node.last.proposals_refused->reason == RefusalReason::too_much_uncommitted);
  node.settle();
  node.propose({"y"});
  CHECK(node.last.proposals_appended.has_value());
}
