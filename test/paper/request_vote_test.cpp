// Raft paper, Figure 2, box "RequestVote RPC".
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("RequestVote arguments: the candidate's term, and index and term of its last log entry") {
  Node node = node_with_log({1, 1, 3}, {term(4), id(0)});
  campaign(node);
  for (const int peer : {2, 3}) {
    const auto request = node.only<RequestVote>(peer);
    CHECK(request.term == term(5));
    CHECK(request.last_log_index == index(3));
    CHECK(request.last_log_term == term(3));
  }
}

TEST_CASE("RequestVote result: currentTerm, for the candidate to update itself") {
  Node voter = node_with_log({1}, {term(9), id(0)});
  voter.receive(2, RequestVote{term(3), index(1), term(1)});
  const auto response = voter.only<RequestVoteResponse>(2);
  CHECK(response.term == term(9));
  CHECK_FALSE(response.vote_granted);

  Node candidate = node_with_log({1}, {term(2), id(0)});
  campaign(candidate);
  candidate.receive(2, response);
  CHECK(candidate.core.role() == Role::follower);
  CHECK(candidate.core.hard_state().term == term(9));
}

TEST_CASE("voteGranted true means the candidate received a vote") {
  Node node = node_with_log({1}, {term(2), id(0)}, 1, 5);
  campaign(node);
  node.receive(2, RequestVoteResponse{term(3), true});
  node.receive(3, RequestVoteResponse{term(3), false});
  node.receive(4, RequestVoteResponse{term(3), false});
  CHECK(node.core.role() == Role::candidate);
  node.receive(5, RequestVoteResponse{term(3), true});
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("Receiver 1 of RequestVote: reply false if term < currentTerm") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, RequestVote{term(4), index(9), term(4)});
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  CHECK(node.core.hard_state() == HardState{term(5), id(0)});
}

TEST_CASE("Receiver 2 of RequestVote: if votedFor is null and the log is up-to-date, grant vote") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, RequestVote{term(5), index(1), term(1)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
  CHECK(node.disk.hard_state == HardState{term(5), id(2)});
}

TEST_CASE("Receiver 2 of RequestVote: if votedFor is the candidate itself, grant the vote again") {
  Node node = node_with_log({1}, {term(5), id(2)});
  node.receive(2, RequestVote{term(5), index(1), term(1)});
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("Receiver 2 of RequestVote: a vote repeated before it is saved waits for the saving, too") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, RequestVote{term(5), index(1), term(1)});
  node.receive(2, RequestVote{term(5), index(1), term(1)});
  CHECK(node.outbox.empty());
  node.settle();
  CHECK(node.take<RequestVoteResponse>(2).size() == 2);
}

TEST_CASE("Receiver 2 of RequestVote: if votedFor is another, refuse") {
  Node node = node_with_log({1}, {term(5), id(3)});
  node.receive(2, RequestVote{term(5), index(9), term(4)});
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("Receiver 2 of RequestVote: if the candidate's log is not up-to-date, refuse") {
  Node node = node_with_log({1, 2, 2}, {term(5), id(0)});
  SUBCASE("its last term is older") {
    node.receive(2, RequestVote{term(5), index(9), term(1)});
  }
  SUBCASE("its last term is the same and it is shorter") {
    node.receive(2, RequestVote{term(5), index(2), term(2)});
  }
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  CHECK(node.core.hard_state().vote == id(0));
}

TEST_CASE("A vote is not forgotten by a restart") {
  Cluster cluster(3);
  Node& node = cluster.node(1);
  node.receive(2, RequestVote{term(1), index(0), term(0)});
  node.settle();
  cluster.restart(1);
  cluster.node(1).receive(3, RequestVote{term(1), index(0), term(0)});
  CHECK_FALSE(cluster.node(1).only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("A leader or candidate does not vote for another in its own term") {
  Node node = node_with_log({1}, {term(1), id(0)});
  SUBCASE("candidate") {
    campaign(node);
  }
  SUBCASE("leader") {
    elect(node);
  }
  node.receive(3, RequestVote{term(2), index(9), term(2)});
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
}
