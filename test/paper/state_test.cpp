// Raft paper, Figure 2, box "State".
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

TEST_CASE("currentTerm is initialized to 0 on first boot") {
  Node node(config_of(1), Disk());
  CHECK(node.core.hard_state() == HardState{term(0), id(0)});
}

TEST_CASE("currentTerm increases monotonically: messages of older terms do not bring it back") {
  Node node = node_with_log({1}, {term(5), id(0)});
  node.receive(2, append_entries(3, 0, 0));
  node.receive(2, RequestVote{term(4), index(9), term(4)});
  node.receive(2, RequestVoteResponse{term(2), true});
  node.receive(2, AppendEntriesResponse{});
  CHECK(node.core.hard_state().term == term(5));
}

TEST_CASE("votedFor is null in a new term until a vote is given") {
  Node node = node_with_log({1}, {term(5), id(2)});
  node.receive(3, append_entries(6, 0, 0));
  CHECK(node.core.hard_state() == HardState{term(6), id(0)});
}

TEST_CASE("votedFor stays within its term, whatever the role becomes") {
  Node node = node_with_log({1}, {term(1), id(0)});
  campaign(node);
  REQUIRE(node.core.hard_state() == HardState{term(2), id(1)});
  node.receive(2, append_entries(2, 0, 0));  // another leads: step down in the same term
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.hard_state() == HardState{term(2), id(1)});
  node.receive(3, RequestVote{term(2), index(9), term(1)});
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("The first index of log[] is 1") {
  Node node(config_of(1), Disk());
  CHECK(node.core.last_index() == index(0));
  elect(node);
  CHECK(node.core.last_index() == index(1));
  CHECK(node.disk.synced.front().index == index(1));
}

TEST_CASE("Each log entry contains a command, and the term when it was received by the leader") {
  Node node(config_of(1), Disk());
  elect(node);
  node.propose({"x", "y"});
  node.settle();
  REQUIRE(node.disk.synced.size() == 3);
  CHECK(node.disk.synced[1].payload() == "x");
  CHECK(node.disk.synced[2].payload() == "y");
  CHECK(node.disk.synced[2].term == term(1));
  REQUIRE(decode_entry(node.disk.synced[2].body));
  CHECK(decode_entry(node.disk.synced[2].body)->index == index(3));
}

TEST_CASE("currentTerm is updated on stable storage before responding to RPCs") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, append_entries(2, 0, 0));
  CHECK(node.last.send.empty());
  CHECK(node.outbox.empty());
  node.receive(2, append_entries(2, 0, 0, {}, 0, 2));  // nor later ones, as long as it is not saved
  CHECK(node.outbox.empty());
  node.settle();
  CHECK(node.disk.hard_state.term == term(2));
  CHECK(node.take<AppendEntriesResponse>(2).size() == 2);
}

TEST_CASE("votedFor is updated on stable storage before responding to RPCs") {
  Node node = node_with_log({1}, {term(2), id(0)});
  node.receive(2, RequestVote{term(2), index(1), term(1)});
  REQUIRE(node.last.hard_state == HardState{term(2), id(2)});
  CHECK(node.outbox.empty());
  node.settle();
  CHECK(node.disk.hard_state.vote == id(2));
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("log[] is updated on stable storage before responding to RPCs") {
  Node node = node_with_log({1}, {term(1), id(0)});
  follow(node, 1);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  node.write_all();
  CHECK(node.outbox.empty());
  node.sync();
  node.write_all();
  CHECK(node.only<AppendEntriesResponse>(2).synced == index(2));
}

TEST_CASE("An answer of stale term, given while a newer one is being saved, waits as well") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, append_entries(5, 0, 0));
  node.receive(3, RequestVote{term(4), index(1), term(1)});
  CHECK(node.outbox.empty());
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).term == term(5));
}

TEST_CASE("The report of an older hard state does not let the messages of a newer one go") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, append_entries(2, 0, 0));
  node.receive(3, append_entries(3, 0, 0));
  REQUIRE(node.work());  // term 2 is saved
  REQUIRE(node.report());
  node.receive(3, append_entries(3, 0, 0, {}, 0, 2));
  CHECK(node.take<AppendEntriesResponse>(3).empty());
  node.settle();
  CHECK(node.take<AppendEntriesResponse>(3).size() == 2);
}

TEST_CASE("commitIndex is initialized to 0 when nothing is known to be committed, and increases monotonically") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  CHECK(node.core.commit_index() == index(0));
  node.receive(2, append_entries(1, 3, 1, {}, 2));
  CHECK(node.core.commit_index() == index(2));
  node.receive(2, append_entries(1, 3, 1, {}, 1));
  CHECK(node.core.commit_index() == index(2));
}

TEST_CASE("lastApplied follows commitIndex: each entry is handed out once, in order") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  node.receive(2, append_entries(1, 3, 1, {}, 2));
  node.receive(2, append_entries(1, 3, 1, {}, 2));
  node.receive(2, append_entries(1, 3, 1, {}, 3));
  REQUIRE(node.committed.size() == 3);
  for (std::size_t at = 0; at < 3; ++at) {
    CHECK(node.committed[at].index == index(at + 1));
  }
}

TEST_CASE("After a restart entries are handed out from where the driver has applied") {
  Disk disk = disk_with_log({1, 1, 1}, {term(1), id(0)});
  disk.written_commit = disk.synced_commit = index(2);
  Node node(config_of(1), disk);
  CHECK(node.core.commit_index() == index(2));
  node.receive(2, append_entries(1, 3, 1, {}, 3));
  REQUIRE(node.committed.size() == 1);
  CHECK(node.committed[0].index == index(3));
}

TEST_CASE("nextIndex is initialized to the leader's last log index + 1") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  elect(node);
  for (const auto& [peer, progress] : node.core.leading()->followers) {
    CHECK(progress.next_index == index(4));
  }
}

TEST_CASE("matchIndex is initialized to 0, and increases monotonically") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  elect(node);
  const Progress& progress = node.core.leading()->followers.at(id(2));
  const Round round = node.core.leading()->round;
  CHECK(progress.match_index == index(0));
  node.receive(2, success(node, 4, 3, 2, round));
  node.receive(2, success(node, 2, 2, 1, round));
  node.receive(2, rejection(node, 2, 0, round));
  CHECK(progress.match_index == index(4));
  CHECK(progress.match_written == index(3));
  CHECK(progress.match_synced == index(2));
}

TEST_CASE("nextIndex and matchIndex are reinitialized after election") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 4, node.core.leading()->round));
  node.receive(3, append_entries(9, 0, 0));
  REQUIRE(node.core.role() == Role::follower);
  node.settle();
  elect(node);
  CHECK(node.core.leading()->followers.at(id(2)).match_index == index(0));
  CHECK(node.core.leading()->followers.at(id(2)).next_index == index(5));
}
