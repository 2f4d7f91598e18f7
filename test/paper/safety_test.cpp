// Raft paper, section 5.4: safety.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("5.4.1: the voter denies its vote if its own log is more up-to-date than that of the candidate") {
  Node node = node_with_log({1, 3, 3}, {term(5), id(0)});
  node.receive(2, RequestVote{term(6), index(2), term(3)});
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("5.4.1: if the logs have last entries with different terms, the log with the later term is more up-to-date") {
  Node node = node_with_log({1, 2, 2, 2}, {term(5), id(0)});
  node.receive(2, RequestVote{term(5), index(1), term(3)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("5.4.1: if the logs end with the same term, whichever log is longer is more up-to-date") {
  Node node = node_with_log({1, 2, 2}, {term(5), id(0)});
  node.receive(2, RequestVote{term(5), index(2), term(2)});
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  node.receive(3, RequestVote{term(5), index(3), term(2)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("5.4.1: a candidate cannot win unless its log contains all committed entries") {
  Cluster cluster(3);
  cluster.elect(1);
  cluster.node(1).propose({"x"});
  cluster.settle({3});
  REQUIRE(cluster.node(1).core.commit_index() == index(2));
  cluster.node(3).time_out();
  cluster.settle();
  CHECK(cluster.node(3).core.role() != Role::leader);
  cluster.elect(2);
  CHECK(cluster.node(3).core.last_index() == index(3));
}

TEST_CASE("5.4.2: Raft never commits log entries from previous terms by counting replicas") {
  Node node = node_with_log({1, 2}, {term(3), id(0)});
  elect(node);  // the no-op of term 4 is entry 3
  node.receive(2, success(node, 2, node.core.leading()->round));
  node.receive(3, success(node, 2, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(0));
  CHECK(node.core.durable() == index(0));
}

TEST_CASE("5.4.2: once an entry from the current term has been committed, all prior entries are committed indirectly") {
  Node node = node_with_log({1, 2}, {term(3), id(0)});
  elect(node);
  node.receive(2, success(node, 3, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(3));
  CHECK(node.committed.size() == 3);
  CHECK(node.core.durable() == index(3));
}

TEST_CASE("5.4.2: Figure 8: an entry of an old term on a majority can still be overwritten, and was not committed") {
  Cluster cluster(5);
  cluster.nodes.clear();
  const std::vector<std::vector<std::uint64_t>> logs{{1, 2}, {1, 2}, {1}, {1}, {1, 3}};
  for (int number = 1; number <= 5; ++number) {
    cluster.nodes.emplace(id(number),
                          node_with_log(logs[static_cast<std::size_t>(number - 1)], {term(3), id(0)}, number, 5));
  }
  // (c): S1 leads again, and entry 2 of term 2 reaches S3, but nothing of term 4 leaves S1.
  Node& s1 = cluster.node(1);
  s1.time_out();
  s1.settle();
  for (const int voter : {2, 3}) {
    s1.receive(voter, RequestVoteResponse{term(4), true});
  }
  s1.settle();
  REQUIRE(s1.core.role() == Role::leader);
  for (const int follower : {2, 3}) {
    s1.receive(follower, success(s1, 2, s1.core.leading()->round));
  }
  s1.outbox.clear();
  CHECK(s1.core.commit_index() == index(0));
  // (d): S5 is elected by those that do not hold an entry of term 4, and overwrites entry 2.
  for (int number = 2; number <= 5; ++number) {
    cluster.node(number).receive(1, RequestVote{term(4), index(0), term(0)});
  }
  cluster.settle({1});
  cluster.elect(5, {1, 2});
  CHECK(cluster.node(3).core.log().term_at(index(2)) == term(3));
}

TEST_CASE("5.4.3: State Machine Safety: a committed entry is never truncated by a late message of an older leader") {
  Cluster cluster(3);
  cluster.elect(1);
  cluster.node(1).propose({"old"});
  cluster.node(1).settle();
  cluster.gather();
  const auto late = cluster.pool;  // entry 2 of term 1 is on its way
  cluster.pool.clear();
  cluster.elect(2, {1});
  cluster.node(2).propose({"new"});
  cluster.settle({1});
  REQUIRE(cluster.node(3).core.last_index() == index(3));
  for (const Packet& packet : late) {
    if (packet.outgoing.to == id(3)) {
      cluster.node(3).step(Received{packet.from, packet.outgoing.message});
    }
  }
  CHECK(terms_of(cluster.node(3).core.log()) == std::vector<std::uint64_t>{1, 2, 2});
}

TEST_CASE("5.5: AppendEntries are idempotent") {
  Node node = node_with_log({1}, {term(1), id(0)});
  const auto request = append_entries(1, 1, 1, entries_of(2, {1, 1}), 3);
  node.receive(2, request);
  node.settle();
  node.receive(2, request);
  CHECK_FALSE(node.last.append);
  CHECK(node.last.committed.empty());
  CHECK(node.core.last_index() == index(3));
  const auto answers = node.take<AppendEntriesResponse>(2);
  CHECK(answers.back().synced == index(3));  // at once: there is nothing to wait for
}
