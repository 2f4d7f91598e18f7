// Raft paper, section 8: client interaction. A leader's no-op, and reads without a write (ReadIndex).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static Node ready_leader(int members = 3) {
  Node node = node_with_log({1}, {term(1), id(0)}, 1, members);
  elect(node);
  for (int peer = 2; peer <= members; ++peer) {
    node.receive(peer, success(node, 2, node.core.leading()->round));
  }
  node.outbox.clear();
  return node;
}

TEST_CASE("8: each leader commits a blank no-op entry into the log at the start of its term") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  REQUIRE(node.core.last_index() == index(2));
  CHECK(node.core.log().entry(index(2)).type == EntryType::no_op);
  CHECK(node.core.log().entry(index(2)).payload().empty());
  CHECK(node.core.leading()->term_start == index(2));
}

TEST_CASE("8: a leader must have the latest information on which entries are committed before it serves a read") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.read(7);
  node.receive(2, success(node, 0, node.core.leading()->round));
  CHECK(node.reads_ready.empty());
  CHECK(node.reads_failed.empty());
  node.receive(2, success(node, 2, node.core.leading()->round));  // the no-op is committed, now the round begins
  CHECK(node.reads_ready.empty());
  node.receive(2, success(node, 2, node.core.leading()->round));
  REQUIRE(node.reads_ready.size() == 1);
  CHECK(node.reads_ready[0].id == ReadId(7));
  CHECK(node.reads_ready[0].index == index(2));
}

TEST_CASE("8: a leader must check whether it has been deposed before processing a read-only request") {
  Node node = ready_leader();
  const Round before = node.core.leading()->round;
  node.read(7);
  const auto heartbeat = node.only<AppendEntries>(2);
  CHECK(heartbeat.entries.empty());
  CHECK(heartbeat.round > before);
  node.receive(2, success(node, 2, before));  // this may have been sent before the read came
  CHECK(node.reads_ready.empty());
  node.receive(3, success(node, 2, heartbeat.round));
  REQUIRE(node.reads_ready.size() == 1);
  CHECK(node.reads_ready[0].index == index(2));
}

// Rounds are numbered anew in each term. Between the refusal and its arrival the follower may have elected another.
TEST_CASE("8: the refusal of what a leader sent in an earlier term answers no round of its present one") {
  Node leader = ready_leader();
  leader.read(7);
  Node follower = node_with_log({1}, {term(2), id(1)}, 3);
  SUBCASE("of entries") {
    AppendEntries old = append_entries(1, 0, 0);
    old.round = leader.core.leading()->round;
    follower.receive(1, old);
    leader.receive(3, follower.only<AppendEntriesResponse>(1));
  }
  SUBCASE("of a snapshot") {
    InstallSnapshot old;
    old.term = term(1);
    old.round = leader.core.leading()->round;
    follower.receive(1, old);
    leader.receive(3, follower.only<InstallSnapshotResponse>(1));
  }
  CHECK(leader.reads_ready.empty());
  leader.receive(3, success(leader, 2, leader.core.leading()->round));
  CHECK(leader.reads_ready.size() == 1);
}

TEST_CASE("8: heartbeat messages must be exchanged with a majority of the cluster, the leader included") {
  Node node = ready_leader(5);
  node.read(7);
  const Round round = node.core.leading()->round;
  node.receive(2, success(node, 2, round));
  node.receive(2, success(node, 2, round));
  CHECK(node.reads_ready.empty());
  node.receive(3, rejection(node, 9, 0, round));  // a rejection says as well that it still leads
  CHECK(node.reads_ready.size() == 1);
}

TEST_CASE("8: a read is served at the index that was committed when it arrived") {
  Node node = ready_leader();
  node.read(7);
  const Round round = node.core.leading()->round;
  node.propose({"x"});
  node.settle();
  node.receive(3, success(node, 3, Round()));
  REQUIRE(node.core.commit_index() == index(3));
  node.receive(2, success(node, 2, round));
  REQUIRE(node.reads_ready.size() == 1);
  CHECK(node.reads_ready[0].index == index(2));
}

TEST_CASE("One round serves every read that waited when it began; what comes meanwhile waits for the next") {
  Node node = ready_leader();
  node.read(1);
  const Round first = node.core.leading()->round;
  node.read(2);
  node.read(3);
  CHECK(node.core.leading()->round == first);
  node.receive(2, success(node, 2, first));
  CHECK(node.reads_ready.size() == 1);
  const Round second = node.core.leading()->round;
  CHECK(second > first);
  node.receive(3, success(node, 2, first));
  CHECK(node.reads_ready.size() == 1);
  node.receive(3, success(node, 2, second));
  CHECK(node.reads_ready.size() == 3);
}

TEST_CASE("A round whose heartbeats are lost is made up for by the next beat") {
  Node node = ready_leader();
  node.read(1);
  node.outbox.clear();
  node.pass(node.core.config().heartbeat_interval);
  node.receive(2, success(node, 2, node.only<AppendEntries>(2).round));
  CHECK(node.reads_ready.size() == 1);
}

TEST_CASE("A cluster of one serves reads at once") {
  Node node = node_with_log({1}, {term(1), id(0)}, 1, 1);
  elect(node);
  node.read(7);
  REQUIRE(node.last.reads_ready.size() == 1);
  CHECK(node.last.reads_ready[0].index == index(2));
}

TEST_CASE("Reads fail when the leader steps down, and those who asked are told") {
  Node node = ready_leader();
  node.read(7);
  node.receive(3, ReadIndexRequest{term(2), ReadId(31)});
  node.outbox.clear();
  node.receive(2, RequestVoteResponse{term(5), false});
  CHECK(node.reads_failed == std::vector<ReadId>{ReadId(7)});
  node.settle();
  const auto answer = node.only<ReadIndexResponse>(3);
  CHECK(answer.id == ReadId(31));
  CHECK_FALSE(answer.read_index);
}

TEST_CASE("A read fails where no leader is known") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.read(7);
  CHECK(node.reads_failed == std::vector<ReadId>{ReadId(7)});
  campaign(node);
  node.read(8);
  CHECK(node.reads_failed.back() == ReadId(8));
}

TEST_CASE("A follower asks the leader for the read index") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  const auto request = node.only<ReadIndexRequest>(2);
  CHECK(request.term == term(1));
  node.receive(3, ReadIndexResponse{term(1), request.id, index(2)});  // not the leader
  CHECK(node.reads_ready.empty());
  node.receive(2, ReadIndexResponse{term(1), request.id, index(2)});
  REQUIRE(node.reads_ready.size() == 1);
  CHECK(node.reads_ready[0].id == ReadId(7));
  CHECK(node.reads_ready[0].index == index(2));
  node.receive(2, ReadIndexResponse{term(1), request.id, index(2)});
  CHECK(node.reads_ready.size() == 1);
}

TEST_CASE("A read index lets a follower commit what it has verified, and no more") {
  Node node = node_with_log({1, 1, 1}, {term(2), id(0)});
  follow(node, 2);
  node.receive(2, append_entries(2, 2, 1));
  node.read(7);
  node.receive(2, ReadIndexResponse{term(2), node.only<ReadIndexRequest>(2).id, index(3)});
  CHECK(node.core.commit_index() == index(2));
}

TEST_CASE("Every request has a fresh id, and an answer serves the reads that came before its request only") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  const ReadId first = node.only<ReadIndexRequest>(2).id;
  node.pass(3 * node.core.config().heartbeat_interval);  // it got lost: ask again
  const ReadId second = node.only<ReadIndexRequest>(2).id;
  CHECK(second > first);
  node.read(8);
  CHECK(node.only<ReadIndexRequest>(2).id > second);
  node.receive(2, ReadIndexResponse{term(1), second, index(1)});
  REQUIRE(node.reads_ready.size() == 1);
  CHECK(node.reads_ready[0].id == ReadId(7));
}

TEST_CASE("A late answer to a request that was repeated still serves it") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  const ReadId first = node.only<ReadIndexRequest>(2).id;
  node.pass(3 * node.core.config().heartbeat_interval);
  node.receive(2, ReadIndexResponse{term(1), first, index(1)});
  CHECK(node.reads_ready.size() == 1);
}

TEST_CASE("A follower's reads fail when the term ends or the leader says that it does not lead") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  SUBCASE("the leader's answer") {
    node.receive(2, ReadIndexResponse{term(1), node.only<ReadIndexRequest>(2).id, std::nullopt});
  }
  SUBCASE("a higher term") {
    node.receive(3, append_entries(2, 0, 0));
  }
  SUBCASE("an election") {
    node.pass(2 * node.core.config().election_timeout);
  }
  CHECK(node.reads_failed == std::vector<ReadId>{ReadId(7)});
}

TEST_CASE("A follower whose leader says that it does not lead asks nobody again in this term") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  const ReadId asked = node.only<ReadIndexRequest>(2).id;
  node.read(8);
  node.receive(2, ReadIndexResponse{term(1), asked, std::nullopt});
  CHECK(node.reads_failed == std::vector<ReadId>{ReadId(7), ReadId(8)});
  CHECK(node.core.leader() == NodeId(0));
  node.take<ReadIndexRequest>(2);
  node.read(9);
  node.pass(3 * node.core.config().heartbeat_interval);
  CHECK(node.take<ReadIndexRequest>(2).empty());
  CHECK(node.reads_failed.back() == ReadId(9));
}

TEST_CASE("A late refusal of what was asked for in an earlier term says nothing of this term's leader") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  const ReadId asked = node.only<ReadIndexRequest>(2).id;
  follow(node, 2);
  node.receive(2, ReadIndexResponse{term(2), asked, std::nullopt});
  CHECK(node.core.leader() == id(2));
}

TEST_CASE("A leader answers a follower's newest request, whose answer serves the earlier ones as well") {
  Node node = ready_leader();
  node.read(1);  // a round runs
  const Round first = node.core.leading()->round;
  for (const std::uint64_t request : {31u, 33u, 32u}) {
    node.receive(3, ReadIndexRequest{term(2), ReadId(request)});
  }
  node.receive(2, success(node, 2, first));
  CHECK(node.take<ReadIndexResponse>(3).empty());
  node.receive(2, success(node, 2, node.core.leading()->round));
  CHECK(node.only<ReadIndexResponse>(3).id == ReadId(33));
}

TEST_CASE("A node that does not lead says so to a ReadIndexRequest") {
  Node node = node_with_log({1}, {term(2), id(0)});
  node.receive(3, ReadIndexRequest{term(2), ReadId(5)});
  CHECK_FALSE(node.only<ReadIndexResponse>(3).read_index);
}

TEST_CASE("A deposed leader does not serve a read that misses a newer write") {
  Cluster cluster(3);
  cluster.elect(1);
  cluster.elect(2, {1});
  cluster.node(2).propose({"new"});
  cluster.settle({1});
  REQUIRE(cluster.node(1).core.role() == Role::leader);
  cluster.node(1).read(7);
  cluster.settle();
  CHECK(cluster.node(1).reads_ready.empty());
  CHECK(cluster.node(1).reads_failed.size() == 1);
}
