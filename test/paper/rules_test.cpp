// Raft paper, Figure 2, box "Rules for Servers".
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

// ---- All servers ----

TEST_CASE("All servers: if commitIndex > lastApplied, apply log[lastApplied] to the state machine") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  node.receive(2, append_entries(1, 2, 1, {}, 2));
  REQUIRE(node.committed.size() == 2);
  CHECK(node.committed[1].payload() == "1:2");
}

TEST_CASE("All servers: if a request or response contains term T > currentTerm, set currentTerm = T, become follower") {
  Node node = node_with_log({1}, {term(1), id(0)});
  SUBCASE("as follower") {}
  SUBCASE("as candidate") {
    campaign(node);
  }
  SUBCASE("as leader") {
    elect(node);
  }
  SUBCASE("RequestVote") {
    node.receive(2, RequestVote{term(7), index(0), term(0)});
  }
  SUBCASE("RequestVoteResponse") {
    node.receive(2, RequestVoteResponse{term(7), false});
  }
  SUBCASE("AppendEntries") {
    node.receive(2, append_entries(7, 0, 0));
  }
  AppendEntriesResponse response;
  response.term = term(7);
  node.receive(2, response);
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.hard_state().term == term(7));
  node.settle();
  CHECK(node.disk.hard_state.term == term(7));
}

TEST_CASE("All servers: every kind of message brings a higher term") {
  const std::vector<Message> messages{
      RequestVote{term(7), index(0), term(0)},
      RequestVoteResponse{term(7), true},
      append_entries(7, 0, 0),
      AppendEntriesResponse{term(7), true, Round(), index(0), index(0), index(0), index(0), term(0)},
      ReadIndexRequest{term(7), ReadId(1)},
      ReadIndexResponse{term(7), ReadId(1), index(1)},
      InstallSnapshot{term(7), Round(), ChunkId(1), {index(1), term(1)}, 0, SharedBytes("x"), true},
      InstallSnapshotResponse{term(7), Round(), ChunkId(1), 0}};
  for (const Message& message : messages) {
    Node node = node_with_log({1}, {term(1), id(0)});
    elect(node);
    node.receive(2, message);
    CHECK(node.core.role() == Role::follower);
    CHECK(node.core.hard_state().term == term(7));
  }
}

// ---- Followers ----

TEST_CASE("Followers: respond to RPCs from candidates and leaders") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, append_entries(1, 1, 1));
  CHECK(node.only<AppendEntriesResponse>(2).success);
  node.receive(3, RequestVote{term(1), index(1), term(1)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("Followers: if election timeout elapses without AppendEntries or a vote, convert to candidate") {
  Node node = node_with_log({1}, {term(1), id(0)});
  const TimePoint due = node.last.wake_at;
  node.now = due - Duration(1);
  node.step(TimePassed{});
  CHECK(node.core.role() == Role::follower);
  node.now = due;
  node.step(TimePassed{});
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("Followers: AppendEntries of the current leader and granting a vote put the election off") {
  Node node = node_with_log({1}, {term(1), id(0)});
  const TimePoint due = node.last.wake_at;
  node.now = due - Duration(1);
  SUBCASE("a heartbeat") {
    node.receive(2, append_entries(1, 0, 0));
  }
  SUBCASE("a rejected one, too: the leader lives") {
    node.receive(2, append_entries(1, 9, 1));
  }
  SUBCASE("a vote") {
    node.receive(2, RequestVote{term(2), index(1), term(1)});
  }
  CHECK(node.last.wake_at == node.now + node.core.config().election_timeout);
}

TEST_CASE("Followers: nothing else puts the election off") {
  Node node = node_with_log({1, 1}, {term(3), id(0)});
  const TimePoint due = node.last.wake_at;
  node.now = due - Duration(1);
  SUBCASE("AppendEntries of an old leader") {
    node.receive(2, append_entries(2, 0, 0));
  }
  SUBCASE("a refused vote") {
    node.receive(2, RequestVote{term(3), index(1), term(1)});
  }
  SUBCASE("a refused vote of a higher term") {
    node.receive(2, RequestVote{term(4), index(1), term(1)});
  }
  SUBCASE("an answer") {
    node.receive(2, RequestVoteResponse{term(4), false});
  }
  SUBCASE("a read") {
    node.read(1);
  }
  CHECK(node.last.wake_at == due);
}

// ---- Candidates ----

TEST_CASE("Candidates: on conversion to candidate, increment currentTerm and vote for self") {
  Node node = node_with_log({1}, {term(4), id(2)});
  node.time_out();
  CHECK(node.core.role() == Role::candidate);
  CHECK(node.last.hard_state == HardState{term(5), id(1)});
}

TEST_CASE("Candidates: on conversion to candidate, reset the election timer") {
  Node node = node_with_log({1}, {term(4), id(2)});
  node.random = 77;
  node.time_out();
  CHECK(node.last.wake_at == node.now + node.core.config().election_timeout + Duration(77));
}

TEST_CASE(
    "Candidates: on conversion to candidate, send RequestVote RPCs to all other servers, once the vote is saved") {
  Node node = node_with_log({1}, {term(4), id(2)}, 1, 5);
  node.time_out();
  CHECK(node.outbox.empty());
  node.settle();
  for (const int peer : {2, 3, 4, 5}) {
    CHECK(node.take<RequestVote>(peer).size() == 1);
  }
}

TEST_CASE("Candidates: if votes received from a majority of servers, become leader") {
  Node node = node_with_log({1}, {term(4), id(0)}, 1, 5);
  campaign(node);
  node.receive(2, RequestVoteResponse{term(5), true});
  node.receive(2, RequestVoteResponse{term(5), true});  // the same vote once more
  CHECK(node.core.role() == Role::candidate);
  node.receive(3, RequestVoteResponse{term(5), true});
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("Candidates: the own vote counts when it is on stable storage") {
  Node node = node_with_log({1}, {term(4), id(0)});
  node.time_out();
  node.receive(2, RequestVoteResponse{term(5), true});
  CHECK(node.core.role() == Role::candidate);
  node.settle();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("Candidates: without the own vote saved, no number of votes makes a leader") {
  Node node = node_with_log({1}, {term(4), id(0)}, 1, 5);
  node.time_out();
  for (const int peer : {2, 3, 4, 5}) {
    node.receive(peer, RequestVoteResponse{term(5), true});
  }
  CHECK(node.core.role() == Role::candidate);
  node.settle();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("Candidates: votes of an earlier term do not count") {
  Node node = node_with_log({1}, {term(4), id(0)});
  campaign(node);
  campaign(node);
  REQUIRE(node.core.hard_state().term == term(6));
  node.receive(2, RequestVoteResponse{term(5), true});
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("Candidates: if AppendEntries RPC received from new leader, convert to follower") {
  Node node = node_with_log({1}, {term(4), id(0)});
  campaign(node);
  node.receive(3, append_entries(5, 0, 0));
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.leader() == id(3));
}

TEST_CASE("Candidates: if election timeout elapses, start new election") {
  Node node = node_with_log({1}, {term(4), id(0)});
  campaign(node);
  node.outbox.clear();
  node.receive(2, RequestVoteResponse{term(5), false});
  node.time_out();
  CHECK(node.core.hard_state() == HardState{term(6), id(1)});
  node.settle();
  CHECK(node.only<RequestVote>(2).term == term(6));
}

// ---- Leaders ----

TEST_CASE("Leaders: upon election, send initial empty AppendEntries RPCs (heartbeat) to each server") {
  Node node = node_with_log({1}, {term(4), id(0)}, 1, 5);
  campaign(node);
  for (const int peer : {2, 3}) {
    node.receive(peer, RequestVoteResponse{term(5), true});
  }
  REQUIRE(node.core.role() == Role::leader);
  for (const int peer : {2, 3, 4, 5}) {
    CHECK(node.take_heartbeats(peer).size() == 1);
  }
}

TEST_CASE("Leaders: repeat heartbeats during idle periods to prevent election timeouts") {
  Node node = node_with_log({1}, {term(4), id(0)});
  elect(node);
  for (int beat = 0; beat < 3; ++beat) {
    CHECK(node.last.wake_at <= node.now + node.core.config().heartbeat_interval);
    node.time_out();
    CHECK(node.only<AppendEntries>(2).entries.empty());
    CHECK(node.only<AppendEntries>(3).entries.empty());
  }
}

TEST_CASE("Leaders: if command received from client, append entry to local log, respond after it is committed") {
  Node node = node_with_log({1}, {term(4), id(0)});
  elect(node);
  node.receive(2, success(node, 2, node.core.leading()->round));
  node.propose({"x", "y"});
  REQUIRE(node.last.proposals_appended);
  CHECK(node.last.proposals_appended->first == index(3));
  CHECK(node.last.proposals_appended->term == term(5));
  CHECK(node.core.last_index() == index(4));
  node.settle();
  CHECK(node.core.commit_index() == index(2));
  node.receive(2, success(node, 4, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(4));
  CHECK(node.committed.back().payload() == "y");
}

TEST_CASE("Leaders: if last log index >= nextIndex for a follower, send AppendEntries with entries from nextIndex") {
  Node node = node_with_log({1, 1, 2}, {term(4), id(0)});
  elect(node);
  node.receive(2, success(node, 4, node.core.leading()->round));
  node.outbox.clear();
  node.propose({"x"});
  const auto request = node.only<AppendEntries>(2);
  CHECK(request.prev_log_index == index(4));
  REQUIRE(request.entries.size() == 1);
  CHECK(request.entries[0].index == index(5));
}

TEST_CASE("Leaders: if successful, update nextIndex and matchIndex for the follower") {
  Node node = node_with_log({1, 1, 2}, {term(4), id(0)});
  elect(node);
  node.receive(2, success(node, 4, node.core.leading()->round));
  const Progress& progress = node.core.leading()->followers.at(id(2));
  CHECK(progress.match_index == index(4));
  CHECK(progress.next_index == index(5));
}

TEST_CASE("Leaders: if AppendEntries fails because of log inconsistency, decrement nextIndex and retry") {
  Node node = node_with_log({1, 1, 2}, {term(4), id(0)});
  elect(node);
  node.receive(2, rejection(node, 2, 0, node.core.leading()->round));
  const auto retry = node.only<AppendEntries>(2);
  CHECK(retry.prev_log_index == index(1));
  CHECK(retry.entries.size() == 3);
  node.receive(2, rejection(node, 1, 0, node.core.leading()->round));
  CHECK(node.only<AppendEntries>(2).prev_log_index == index(0));
}

TEST_CASE(
    "Leaders: if N > commitIndex, a majority of matchIndex >= N and log[N].term == currentTerm, commitIndex = N") {
  Node node = node_with_log({1}, {term(4), id(0)}, 1, 5);
  elect(node);
  node.propose({"x"});
  node.settle();
  const Round round = node.core.leading()->round;
  node.receive(2, success(node, 3, round));
  CHECK(node.core.commit_index() == index(0));
  node.receive(3, success(node, 2, round));
  CHECK(node.core.commit_index() == index(2));
  node.receive(4, success(node, 3, round));
  CHECK(node.core.commit_index() == index(3));
}
