// Raft thesis, sections 9.6 (pre-vote) and 4.2.3 (no election while a leader lives).
#include <doctest/doctest.h>

#include <limits>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static const Duration heartbeat_interval = config_of(1).heartbeat_interval;

// What a pre-candidate of `of_term` whose log ends with entry `last` of `last_term` asks.
static PreVote pre_vote(std::uint64_t of_term, std::uint64_t last, std::uint64_t last_term) {
  return {term(of_term), index(last), term(last_term)};
}

static PreVoteResponse grant(std::uint64_t of_term) {
  return {term(of_term), term(of_term), true};
}

// A heartbeat of leader 2.
static void hear(Node& node, std::uint64_t of_term) {
  node.receive(2, append_entries(of_term, 0, 0));
  node.settle();
  node.outbox.clear();
}

static Cluster complete_cluster(int members) {
  return Cluster(members, [](Config& config) { config.pre_vote = config.check_quorum = true; });
}

TEST_CASE("9.6: when the election timer fires a node asks whether it would be elected, and raises no term") {
  Node node = complete_node({1, 3}, {term(4), id(0)});
  node.time_out();
  CHECK(node.core.role() == Role::pre_candidate);
  CHECK(node.core.hard_state() == HardState{term(4), id(0)});
  CHECK_FALSE(node.last.hard_state.has_value());
  for (const int peer : {2, 3}) {
    const auto request = node.only<PreVote>(peer);
    CHECK(request.term == term(4));
    CHECK(request.last_log_index == index(2));
    CHECK(request.last_log_term == term(3));
    CHECK(node.take<RequestVote>(peer).empty());
  }
  CHECK(node.last.leadership == Leadership{Role::pre_candidate, term(4), id(0), false});
}

TEST_CASE("9.6: it raises its term and campaigns only when a majority would vote for it") {
  Node node = complete_node({1}, {term(4), id(0)}, 1, 5);
  node.time_out();
  node.receive(2, grant(4));
  node.receive(2, grant(4));  // the same again is no other vote
  node.receive(3, PreVoteResponse{term(4), term(4), false});
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(4, grant(4));
  CHECK(node.core.role() == Role::candidate);
  CHECK(node.core.hard_state() == HardState{term(5), id(1)});
  node.settle();
  CHECK(node.only<RequestVote>(2).term == term(5));
}

TEST_CASE("9.6: what its leader sent long ago does not end the asking") {
  Node node = complete_node({1}, {term(4), id(0)});
  node.receive(2, append_entries(4, 0, 0, {}, 0, 7));
  node.pass(2 * election_timeout);
  REQUIRE(node.core.role() == Role::pre_candidate);
  node.receive(2, append_entries(4, 0, 0, {}, 0, 7));
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(2, append_entries(4, 0, 0, {}, 0, 8));
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("9.6: a cluster of one asks nobody") {
  Node node = complete_node({1}, {term(1), id(0)}, 1, 1);
  node.time_out();
  CHECK(node.core.role() == Role::candidate);
  node.write_all();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("9.6: a grant for another term does not count") {
  Node node = complete_node({1}, {term(4), id(0)});
  node.time_out();
  node.receive(2, grant(3));
  node.receive(2, PreVoteResponse{term(1), term(3), true});
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(2, PreVoteResponse{term(1), term(4), true});  // the voter's own term may be behind
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("9.6: who would vote changes nothing of its own: no term, no vote, no timer") {
  Node node = complete_node({1}, {term(4), id(0)});
  const TimePoint due = node.last.wake_at;
  node.now += election_timeout / 2;
  node.random = 77;
  node.receive(2, pre_vote(4, 1, 1));
  node.receive(3, pre_vote(9, 1, 1));
  CHECK(node.only<PreVoteResponse>(2).vote_granted);
  const auto to_the_later_term = node.only<PreVoteResponse>(3);
  CHECK(to_the_later_term.vote_granted);
  CHECK(to_the_later_term.term == term(4));
  CHECK(to_the_later_term.asked == term(9));
  CHECK(node.core.hard_state() == HardState{term(4), id(0)});
  CHECK(node.disk.hard_state == HardState{term(4), id(0)});
  CHECK(node.last.wake_at == due);
}

TEST_CASE("9.6: no pre-vote for one whose log is not up-to-date") {
  Node node = complete_node({1, 2, 2}, {term(5), id(0)});
  node.receive(2, pre_vote(5, 9, 1));
  CHECK_FALSE(node.only<PreVoteResponse>(2).vote_granted);
  node.receive(2, pre_vote(5, 2, 2));
  CHECK_FALSE(node.only<PreVoteResponse>(2).vote_granted);
  node.receive(2, pre_vote(5, 3, 2));
  CHECK(node.only<PreVoteResponse>(2).vote_granted);
}

TEST_CASE("9.6: no pre-vote for one whose term is behind; it learns the term and asks anew") {
  Node voter = complete_node({1}, {term(5), id(0)});
  voter.receive(2, pre_vote(3, 9, 3));
  const auto refusal = voter.only<PreVoteResponse>(2);
  CHECK_FALSE(refusal.vote_granted);
  CHECK(refusal.term == term(5));

  Node node = complete_node({1}, {term(3), id(0)});
  node.time_out();
  node.receive(2, refusal);
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.hard_state() == HardState{term(5), id(0)});
  node.settle();
  node.outbox.clear();
  node.time_out();
  CHECK(node.only<PreVote>(2).term == term(5));
}

TEST_CASE("9.6: an older term with the longer log and a newer one with the shorter do not refuse each other for ever") {
  Cluster cluster = complete_cluster(3);
  cluster.nodes.clear();
  cluster.nodes.emplace(id(1), Node(complete_config_of(1), disk_with_log({1, 1, 1}, {term(1), id(0)})));
  cluster.nodes.emplace(id(2), Node(complete_config_of(2), disk_with_log({1}, {term(4), id(0)})));
  cluster.nodes.emplace(id(3), Node(complete_config_of(3), disk_with_log({1}, {term(1), id(0)})));
  for (auto& [number, node] : cluster.nodes) {
    node.step(TimePassed{});
  }
  int rounds = 0;
  for (; cluster.node(1).core.role() != Role::leader && rounds < 10; ++rounds) {
    cluster.pass(election_timeout);
    cluster.node(2).time_out();  // the one that cannot win is always the first
    cluster.settle({3});
    cluster.node(1).time_out();
    cluster.settle({3});
  }
  CHECK(rounds <= 4);
  CHECK(cluster.node(1).core.hard_state().term == term(5));
}

TEST_CASE("9.6: a node that has heard from a leader within the least election timeout refuses pre-votes") {
  Node node = complete_node({1}, {term(4), id(0)});
  hear(node, 4);
  node.now += election_timeout - Duration(1);
  node.receive(3, pre_vote(4, 9, 4));
  CHECK_FALSE(node.only<PreVoteResponse>(3).vote_granted);
  node.now += Duration(1);
  node.receive(3, pre_vote(4, 9, 4));
  CHECK(node.only<PreVoteResponse>(3).vote_granted);
}

TEST_CASE(
    "4.2.3: a node that hears from a leader refuses RequestVote of a later term and does not take the term over") {
  Node node = complete_node({1}, {term(4), id(0)});
  hear(node, 4);
  node.now += election_timeout - Duration(1);
  node.receive(3, RequestVote{term(9), index(9), term(4)});
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
  CHECK(node.core.hard_state() == HardState{term(4), id(0)});
  CHECK(node.core.leader() == id(2));
  node.now += Duration(1);
  node.receive(3, RequestVote{term(9), index(9), term(4)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("4.2.3: a RequestVote that the leader asked for is no disturbance") {
  Node node = complete_node({1}, {term(4), id(0)});
  hear(node, 4);
  node.receive(3, RequestVote{term(5), index(9), term(4), true});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("4.2.3: a candidate whose term is behind is told so, even while a leader lives") {
  Node node = complete_node({1}, {term(4), id(0)});
  hear(node, 4);
  node.receive(3, RequestVote{term(3), index(9), term(3)});
  CHECK(node.only<RequestVoteResponse>(3).term == term(4));
}

TEST_CASE("9.6: a leader refuses votes and pre-votes while it has a quorum") {
  Node node = complete_node({1}, {term(4), id(0)});
  elect(node);
  node.receive(3, pre_vote(7, 9, 6));
  CHECK_FALSE(node.only<PreVoteResponse>(3).vote_granted);
  node.receive(3, RequestVote{term(8), index(9), term(6)});
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
  CHECK(node.core.role() == Role::leader);
  CHECK(node.core.hard_state().term == term(5));
  node.now += election_timeout;
  node.receive(3, pre_vote(7, 9, 6));
  CHECK(node.only<PreVoteResponse>(3).vote_granted);
}

TEST_CASE("9.6: a returning node with a later term does not livelock: the leader learns the term by an answer") {
  Cluster cluster = complete_cluster(3);
  cluster.elect(1);
  cluster.node(3).receive(2, RequestVoteResponse{term(9), false});  // of an election that came to nothing
  cluster.settle();
  CHECK(cluster.node(3).core.hard_state().term == term(9));
  int rounds = 0;
  const auto serves = [&] {
    for (auto& [number, node] : cluster.nodes) {
      if (node.core.role() == Role::leader && node.core.hard_state().term >= term(9)) {
        return true;
      }
    }
    return false;
  };
  for (; !serves() && rounds < 60; ++rounds) {
    cluster.pass(heartbeat_interval);
    cluster.settle();
  }
  CHECK(rounds < 60);
  CHECK(cluster.node(3).core.leader() == cluster.node(1).core.leader());
}

TEST_CASE("9.6: a follower that was cut off for long finds the leader unchanged when it comes back") {
  Cluster cluster = complete_cluster(3);
  cluster.elect(1);
  const Term before = cluster.node(1).core.hard_state().term;
  for (int beat = 0; beat < 1000; ++beat) {
    cluster.pass(heartbeat_interval);
    cluster.settle({3});
  }
  CHECK(cluster.node(3).core.role() == Role::pre_candidate);
  for (int beat = 0; beat < 100; ++beat) {
    cluster.pass(heartbeat_interval);
    cluster.settle();
  }
  CHECK(cluster.node(1).core.role() == Role::leader);
  CHECK(cluster.node(3).core.leader() == id(1));
  for (auto& [number, node] : cluster.nodes) {
    CHECK(node.core.hard_state().term == before);
  }
}

TEST_CASE("9.6: a pre-candidate that hears its leader after all follows it again and remembers what is verified") {
  Node node = complete_node({1, 1, 1, 1}, {term(3), id(0)});
  node.receive(2, append_entries(3, 2, 1, {}, 0, 1));
  node.settle();
  CHECK(node.only<AppendEntriesResponse>(2).matched == index(2));
  node.time_out();
  REQUIRE(node.core.role() == Role::pre_candidate);
  CHECK(node.core.leader() == id(0));
  // A leader that was told of a conflict at or before what it was told is there would take it for a restart.
  node.receive(2, append_entries(3, 4, 3, {}, 0, 2));
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.leader() == id(2));
  const auto rejection = node.only<AppendEntriesResponse>(2);
  CHECK_FALSE(rejection.success);
  CHECK(rejection.conflict_index == index(3));
}

TEST_CASE("9.6: a pre-candidate asks those who have not agreed again, as often as a heartbeat") {
  Node node = complete_node({1}, {term(4), id(0)}, 1, 5);
  node.time_out();
  node.outbox.clear();
  node.receive(2, grant(4));
  node.pass(heartbeat_interval - Duration(1));
  CHECK(node.outbox.empty());
  CHECK(node.last.wake_at == node.now + Duration(1));
  node.pass(Duration(1));
  CHECK(node.take<PreVote>(2).empty());
  CHECK(node.take<PreVote>(3).size() == 1);
  CHECK(node.take<PreVote>(4).size() == 1);
}

TEST_CASE("9.6: what was agreed to one election timeout ago is asked anew") {
  Node node = complete_node({1}, {term(4), id(0)}, 1, 5);
  node.time_out();
  node.receive(2, grant(4));
  node.pass(2 * election_timeout);
  node.receive(3, grant(4));
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(2, grant(4));
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("9.6: candidates and pre-candidates would vote for another, too") {
  Node node = complete_node({1}, {term(4), id(0)});
  SUBCASE("candidate") {
    campaign(node);
  }
  SUBCASE("pre-candidate") {
    node.time_out();
  }
  node.outbox.clear();
  node.receive(3, pre_vote(5, 1, 1));
  CHECK(node.only<PreVoteResponse>(3).vote_granted);
}

TEST_CASE("9.6: a pre-candidate that votes for another waits for that one") {
  Node node = complete_node({1}, {term(4), id(0)});
  node.time_out();
  REQUIRE(node.core.role() == Role::pre_candidate);
  node.receive(3, RequestVote{term(4), index(1), term(1)});
  CHECK(node.core.role() == Role::follower);
  CHECK(node.last.wake_at >= node.now + election_timeout);
  node.receive(2, grant(4));
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("9.6: the reads that wait fail when their leader is not heard any more") {
  Node node = complete_node({1}, {term(4), id(0)});
  hear(node, 4);
  node.read(7);
  while (node.core.role() == Role::follower) {
    node.time_out();
  }
  REQUIRE(node.reads_failed.size() == 1);
  CHECK(node.reads_failed[0] == ReadId(7));
}

TEST_CASE("9.6: there is no pre-vote for a term behind the last one") {
  const Term last(std::numeric_limits<std::uint64_t>::max());
  Node node = complete_node({1}, {last, id(0)});
  node.time_out();
  CHECK(node.core.role() == Role::follower);
  CHECK(node.outbox.empty());
  CHECK(node.last.wake_at > node.now);
}
