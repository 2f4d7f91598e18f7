// Raft paper, sections 5.1 and 5.2: terms and leader election.
#include <doctest/doctest.h>

#include <set>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("5.1: if a server receives a request with a stale term number, it rejects the request") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, RequestVote{term(4), index(9), term(4)});
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  node.receive(2, append_entries(4, 0, 0));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  node.receive(2, ReadIndexRequest{term(4), ReadId(1)});
  CHECK_FALSE(node.only<ReadIndexResponse>(2).read_index);
}

TEST_CASE("5.2: what its leader sent before something that was heard already does not keep a server from an election") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, append_entries(1, 0, 0, {}, 0, 2));
  for (int copy = 0; copy < 4; ++copy) {
    node.pass(node.core.config().election_timeout / 2);
    node.receive(2, append_entries(1, 0, 0, {}, 0, 1 + static_cast<std::uint64_t>(copy % 2)));
  }
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("5.2: when servers start up, they begin as followers") {
  Node node = node_with_log({1}, {term(5), id(1)});
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.leader() == id(0));
}

TEST_CASE("5.2: a server remains in follower state as long as it receives valid RPCs from a leader") {
  Node node = node_with_log({1}, {term(1), id(0)});
  for (std::uint64_t beat = 1; beat <= 100; ++beat) {
    node.pass(node.core.config().election_timeout - Duration(1));
    node.receive(2, append_entries(1, 0, 0, {}, 0, beat));
  }
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("5.2: each server will vote for at most one candidate in a given term, first-come-first-served") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, RequestVote{term(2), index(1), term(1)});
  node.receive(3, RequestVote{term(2), index(1), term(1)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("5.2: a candidate wins an election if it receives votes from a majority of the servers in the full cluster") {
  for (const int members : {2, 3, 4, 5, 6, 7}) {
    Node node = node_with_log({1}, {term(1), id(0)}, 1, members);
    campaign(node);
    for (int votes = 1; votes <= members / 2; ++votes) {
      CHECK(node.core.role() == Role::candidate);
      node.receive(votes + 1, RequestVoteResponse{term(2), true});
    }
    CHECK(node.core.role() == Role::leader);
  }
}

TEST_CASE("5.2: a cluster of one leads as soon as its vote is saved") {
  Node node = node_with_log({1}, {term(1), id(0)}, 1, 1);
  node.time_out();
  CHECK(node.core.role() == Role::candidate);
  node.write_all();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("5.2: at most one candidate can win the election for a particular term") {
  Cluster cluster(3);
  cluster.node(1).time_out();
  cluster.node(2).time_out();
  cluster.settle();
  int leaders = 0;
  for (auto& [number, node] : cluster.nodes) {
    leaders += node.core.role() == Role::leader ? 1 : 0;
  }
  CHECK(leaders == 1);
}

TEST_CASE("5.2: a candidate that hears of a leader whose term is at least as large returns to follower state") {
  Node node = node_with_log({1}, {term(1), id(0)});
  campaign(node);
  SUBCASE("the same") {
    node.receive(2, append_entries(2, 0, 0));
  }
  SUBCASE("a larger one") {
    node.receive(2, append_entries(3, 0, 0));
  }
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.leader() == id(2));
}

TEST_CASE("5.2: if the term in the RPC is smaller, the candidate rejects it and continues in candidate state") {
  Node node = node_with_log({1}, {term(1), id(0)});
  campaign(node);
  node.receive(2, append_entries(1, 0, 0));
  CHECK(node.core.role() == Role::candidate);
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
}

TEST_CASE("5.2: if votes are split, each candidate will time out and start a new election by incrementing its term") {
  Cluster cluster(4);
  for (const int candidate : {1, 2}) {
    cluster.node(candidate).time_out();
    cluster.node(candidate).settle();
  }
  cluster.node(3).receive(1, RequestVote{term(1), index(0), term(0)});
  cluster.node(4).receive(2, RequestVote{term(1), index(0), term(0)});
  cluster.settle();
  CHECK(cluster.node(1).core.role() == Role::candidate);
  CHECK(cluster.node(2).core.role() == Role::candidate);
  cluster.elect(2);
  CHECK(cluster.node(2).core.hard_state().term == term(2));
}

TEST_CASE("5.2: election timeouts are chosen randomly from a fixed interval") {
  const Duration least = config_of(1).election_timeout;
  std::set<TimePoint> drawn;
  std::uint64_t random = 1;
  for (int draw = 0; draw < 200; ++draw) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    Node node(config_of(1), Disk(), TimePoint(), random);
    node.step(TimePassed{});
    CHECK(node.last.wake_at >= TimePoint() + least);
    CHECK(node.last.wake_at < TimePoint() + 2 * least);
    drawn.insert(node.last.wake_at);
  }
  CHECK(drawn.size() > 190);
}

TEST_CASE("5.2: the timer is drawn anew at the start of each election") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.random = 5;
  node.time_out();
  const Duration first = node.last.wake_at - node.now;
  node.random = 123456;
  node.time_out();
  CHECK(node.last.wake_at - node.now != first);
}

TEST_CASE("5.2: a leader that steps down draws an election timer") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.random = 99;
  node.receive(2, RequestVoteResponse{term(9), false});
  CHECK(node.last.wake_at == node.now + node.core.config().election_timeout + Duration(99));
}

TEST_CASE("5.2: once a candidate wins an election, it becomes leader and says so") {
  Node node = node_with_log({1}, {term(1), id(0)});
  campaign(node);
  node.receive(2, RequestVoteResponse{term(2), true});
  CHECK(node.last.leadership == Leadership{Role::leader, term(2), id(1), false});
  node.settle();
  node.receive(2, success(node, 2, node.core.leading()->round));
  CHECK(node.last.leadership == Leadership{Role::leader, term(2), id(1), true});
  node.receive(2, RequestVoteResponse{term(3), false});
  CHECK(node.last.leadership == Leadership{Role::follower, term(3), id(0), false});
}

TEST_CASE("5.2: there is no term behind the last one, and none goes back") {
  const Term last(std::numeric_limits<std::uint64_t>::max());
  Node node = node_with_log({1}, {last, id(0)});
  node.time_out();
  CHECK(node.core.hard_state().term == last);
  CHECK(node.last.wake_at > node.now);
}
