// Raft thesis, section 6.2: a leader steps down when an election timeout has passed without a round of heartbeats to a
// majority; and what a partial loss of connections asks of it together with pre-vote.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static const Duration heartbeat_interval = config_of(1).heartbeat_interval;

// A leader of five that has just been elected.
static Node leader_of_five() {
  Node node = complete_node({1}, {term(1), id(0)}, 1, 5);
  elect(node);
  return node;
}

// Until it is time, with the heartbeats in between.
static void pass_beats(Node& node, Duration duration) {
  const TimePoint end = node.now + duration;
  while (node.last.wake_at < end) {
    node.time_out();
  }
  node.now = end;
  node.step(TimePassed{});
}

TEST_CASE("6.2: a leader that no majority answers for an election timeout steps down, in the same term") {
  Node node = leader_of_five();
  node.receive(2, success(node, 2, node.core.leading()->round));
  pass_beats(node, election_timeout - Duration(1));
  CHECK(node.core.role() == Role::leader);
  CHECK(node.last.wake_at == node.now + Duration(1));
  node.time_out();
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.leader() == id(0));
  CHECK(node.core.hard_state() == HardState{term(2), id(1)});
  CHECK_FALSE(node.last.hard_state.has_value());
  CHECK(node.last.leadership == Leadership{Role::follower, term(2), id(0), false});
  CHECK(node.last.wake_at >= node.now + election_timeout);
}

TEST_CASE("6.2: the time counts from when the newest round began that a majority has answered") {
  Node node = leader_of_five();
  const TimePoint start = node.now;
  const Round first = node.core.leading()->round;
  pass_beats(node, heartbeat_interval);
  const Round second = node.core.leading()->round;
  REQUIRE(second > first);
  pass_beats(node, heartbeat_interval * 3);
  node.receive(2, success(node, 1, second));
  node.receive(2, success(node, 1, second));  // one alone is no majority, however often it answers
  pass_beats(node, Duration(0));
  node.receive(3, success(node, 1, first));  // an old answer proves no more than it did then
  CHECK(node.core.role() == Role::leader);
  node.receive(3, success(node, 1, second));
  pass_beats(node, start + heartbeat_interval + election_timeout - Duration(1) - node.now);
  CHECK(node.core.role() == Role::leader);
  node.pass(Duration(1));
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("6.2: a rejection is an answer, too") {
  Node node = leader_of_five();
  for (int beat = 0; beat < 40; ++beat) {
    pass_beats(node, heartbeat_interval);
    for (const int peer : {2, 3}) {
      node.receive(peer, rejection(node, 1, 0, node.core.leading()->round));
    }
  }
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("6.2: so is what a follower says that takes a snapshot") {
  Node node = leader_of_five();
  for (int beat = 0; beat < 40; ++beat) {
    pass_beats(node, heartbeat_interval);
    for (const int peer : {2, 3}) {
      InstallSnapshotResponse response;
      response.term = term(2);
      response.round = node.core.leading()->round;
      node.receive(peer, response);
    }
  }
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("6.2: answers that waited while the leader was held up count before it judges") {
  Node node = leader_of_five();
  pass_beats(node, heartbeat_interval);
  const Round second = node.core.leading()->round;
  node.now += election_timeout - Duration(1);  // since the second round began; the first is older
  SUBCASE("they came") {
    node.receive(2, success(node, 2, second));
    node.receive(3, success(node, 2, second));
    node.step(TimePassed{});
    CHECK(node.core.role() == Role::leader);
  }
  SUBCASE("they did not") {
    node.step(TimePassed{});
    CHECK(node.core.role() == Role::follower);
  }
}

TEST_CASE("6.2: the reads of a leader that steps down fail, at home and at the followers that asked") {
  Node node = leader_of_five();
  node.read(7);
  node.receive(2, ReadIndexRequest{term(2), ReadId(9)});
  pass_beats(node, election_timeout);
  REQUIRE(node.core.role() == Role::follower);
  REQUIRE(node.reads_failed.size() == 1);
  CHECK(node.reads_failed[0] == ReadId(7));
  CHECK_FALSE(node.only<ReadIndexResponse>(2).read_index.has_value());
}

TEST_CASE("6.2: a leader that has stepped down takes no proposal, and an answer that comes late commits nothing") {
  Node node = leader_of_five();
  const Round round = node.core.leading()->round;
  pass_beats(node, election_timeout);
  node.propose({"x"});
  REQUIRE(node.last.proposals_refused.has_value());
  CHECK(node.last.proposals_refused->reason == RefusalReason::not_leader);
  for (const int peer : {2, 3, 4}) {
    node.receive(peer, success(node, 2, round));
  }
  CHECK(node.core.commit_index() == index(0));
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("6.2: a leader that has stepped down votes in a later term at once, and for nobody else in its own") {
  Node node = leader_of_five();
  pass_beats(node, election_timeout);
  node.outbox.clear();
  node.receive(3, RequestVote{term(2), index(9), term(2)});
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
  node.receive(3, RequestVote{term(3), index(9), term(2)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("6.2: a cluster of one never steps down") {
  Node node = complete_node({1}, {term(1), id(0)}, 1, 1);
  elect(node);
  node.pass(100 * election_timeout);
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("6.2: without check-quorum a leader stays") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.pass(100 * election_timeout);
  CHECK(node.core.role() == Role::leader);
}

// ---- Partial loss of connections (OmniPaxos, section 2) ----

// Runs with only these links; two by two.
class PartialCluster {
 public:
  explicit PartialCluster(int members)
      : cluster(members, [](Config& config) { config.pre_vote = config.check_quorum = true; }) {
    std::uint64_t number = 0;
    for (auto& [id, node] : cluster.nodes) {
      node.random = number += 37'000'017;
    }
  }

  void run(int beats, const std::set<std::pair<int, int>>& links) {
    for (int beat = 0; beat < beats; ++beat) {
      for (auto& [id, node] : cluster.nodes) {
        node.random = node.random * 6364136223846793005u + 1442695040888963407u;
      }
      cluster.pass(heartbeat_interval);
      deliver(links);
    }
  }

  int leader() {
    int found = 0;
    for (auto& [id, node] : cluster.nodes) {
      found = node.core.role() == Role::leader ? id.value : found;
    }
    return found;
  }

  Cluster cluster;

 private:
  void deliver(const std::set<std::pair<int, int>>& links) {
    for (int turn = 0; turn < 1000; ++turn) {
      for (auto& [id, node] : cluster.nodes) {
        node.settle();
      }
      cluster.gather();
      std::erase_if(cluster.pool, [&](const Packet& packet) {
        const int from = packet.from.value;
        const int to = packet.outgoing.to.value;
        return !links.contains({std::min(from, to), std::max(from, to)});
      });
      if (cluster.pool.empty()) {
        return;
      }
      while (!cluster.pool.empty()) {
        cluster.deliver(0);
      }
    }
    FAIL("messages without an end");
  }
};

TEST_CASE("Quorum loss: a leader that reaches one node only gives way to the one that all reach") {
  PartialCluster five(5);
  five.cluster.elect(1);
  five.run(100, {{1, 3}, {2, 3}, {3, 4}, {3, 5}});
  CHECK(five.leader() == 3);
  const Term stable = five.cluster.node(3).core.hard_state().term;
  five.run(100, {{1, 3}, {2, 3}, {3, 4}, {3, 5}});
  CHECK(five.cluster.node(3).core.hard_state().term == stable);
}

TEST_CASE("A chain: the end that does not reach the leader disturbs nobody") {
  PartialCluster three(3);
  three.cluster.elect(1);
  const Term before = three.cluster.node(1).core.hard_state().term;
  three.run(200, {{1, 2}, {2, 3}});
  CHECK(three.leader() == 1);
  CHECK(three.cluster.node(1).core.hard_state().term == before);
  CHECK(three.cluster.node(3).core.role() == Role::pre_candidate);
}

TEST_CASE("A leader that is alone steps down, the others elect one, and it follows when it comes back") {
  PartialCluster three(3);
  three.cluster.elect(1);
  three.run(60, {{2, 3}});
  CHECK(three.cluster.node(1).core.role() != Role::leader);
  const int leader = three.leader();
  CHECK(leader != 0);
  const Term stable = three.cluster.node(2).core.hard_state().term;
  three.run(60, {{1, 2}, {1, 3}, {2, 3}});
  CHECK(three.leader() == leader);
  CHECK(three.cluster.node(1).core.hard_state().term == stable);
}
