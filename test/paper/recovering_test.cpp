// A node that may have lost what it acknowledged (design, section 6, rules 3 and 5; reliability, 2.4).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static constexpr Incarnation life(7);

static Node node_that_is(Standing standing, const std::vector<std::uint64_t>& terms, HardState hard_state,
                         int members = 3, bool complete = false) {
  Disk disk = disk_with_log(terms, hard_state);
  disk.standing = standing;
  disk.incarnation = life;
  return Node(complete ? complete_config_of(1, members) : config_of(1, members), disk);
}

// What leader 2 sends to a node that called itself `of`.
static AppendEntries told(std::uint64_t of_term, std::uint64_t prev, std::uint64_t prev_term, Incarnation of,
                          std::uint64_t leader_last) {
  AppendEntries request = append_entries(of_term, prev, prev_term);
  request.recovering = of;
  request.leader_last = index(leader_last);
  return request;
}

static RequestVoteResponse vote(std::uint64_t of_term, bool flagged) {
  return {term(of_term), true, flagged};
}

static bool has_raised_generation(const Node& node) {
  return node.core.log().entry(node.core.last_index()).type == EntryType::new_generation;
}

TEST_CASE("rule 3: the vote of a recovering node is flagged, and synced like any other") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.receive(2, RequestVote{term(2), index(1), term(1)});
  CHECK(node.outbox.empty());
  node.settle();
  const auto answer = node.only<RequestVoteResponse>(2);
  CHECK(answer.vote_granted);
  CHECK(answer.flagged);
  node.receive(3, RequestVote{term(2), index(1), term(1)});
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("rule 3: so is its pre-vote") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)}, 3, true);
  node.receive(2, PreVote{term(1), index(1), term(1)});
  const auto answer = node.only<PreVoteResponse>(2);
  CHECK(answer.vote_granted);
  CHECK(answer.flagged);
}

TEST_CASE("rule 5: flagged votes make no majority") {
  Node node = node_with_log({1}, {term(1), id(0)}, 1, 5);
  campaign(node);
  node.receive(2, vote(2, true));
  node.receive(3, vote(2, true));
  node.receive(4, vote(2, true));
  CHECK(node.core.role() == Role::candidate);
  SUBCASE("all votes do, and a new generation begins") {
    node.receive(5, vote(2, true));
    CHECK(node.core.role() == Role::leader);
    CHECK(has_raised_generation(node));
  }
  SUBCASE("a majority without a flag does, and none begins") {
    node.receive(2, vote(2, false));
    CHECK(node.core.role() == Role::candidate);
    node.receive(3, vote(2, false));
    CHECK(node.core.role() == Role::leader);
    CHECK_FALSE(has_raised_generation(node));
  }
}

TEST_CASE("rule 5: pre-votes are counted in the same way") {
  Node node = complete_node({1}, {term(1), id(0)});
  node.time_out();
  node.receive(2, PreVoteResponse{term(1), term(1), true, true});
  CHECK(node.core.role() == Role::pre_candidate);
  node.receive(3, PreVoteResponse{term(1), term(1), true, true});
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("rule 5: a recovering node campaigns after two election timeouts without a leader, its own vote flagged") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.pass(2 * election_timeout - Duration(1));
  CHECK(node.core.role() == Role::follower);
  node.pass(2 * election_timeout);
  CHECK(node.core.role() == Role::candidate);
  node.settle();
  node.receive(2, vote(2, false));
  CHECK(node.core.role() == Role::candidate);
  SUBCASE("it wins without its own vote") {
    node.receive(3, vote(2, false));
    CHECK(node.core.role() == Role::leader);
    CHECK_FALSE(has_raised_generation(node));
  }
  SUBCASE("it wins with all votes") {
    node.receive(3, vote(2, true));
    CHECK(node.core.role() == Role::leader);
    CHECK(has_raised_generation(node));
  }
  CHECK(node.core.standing() == Standing::sound);
  CHECK(node.last.sound_again);
}

TEST_CASE("rule 5: a recovering winner says nothing as a leader before its log is synced") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  CHECK(node.last.append->sync_at_once);
  node.write_all();
  node.outbox.clear();
  node.pass(3 * election_timeout);
  node.write_all();
  node.receive(2, vote(2, false));
  node.receive(3, vote(2, false));
  CHECK(node.core.role() == Role::candidate);
  CHECK(node.take<AppendEntries>(2).empty());
  node.settle();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("rule 5: a node alone elects itself, and a new generation begins") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)}, 1);
  node.pass(3 * election_timeout);
  node.settle();
  CHECK(node.core.role() == Role::leader);
  CHECK(node.committed.back().type == EntryType::new_generation);
}

TEST_CASE("rule 3: a follower says that it is recovering, and its leader answers with its last index") {
  Node leader = node_with_log({1, 1, 1}, {term(1), id(0)});
  elect(leader);
  AppendEntriesResponse answer = success(leader, 4, leader.core.leading()->round);
  answer.recovering = life;
  leader.receive(2, answer);
  leader.outbox.clear();
  leader.time_out();
  const auto heartbeat = leader.take_heartbeats(2).back();
  CHECK(heartbeat.recovering == life);
  CHECK(heartbeat.leader_last == index(4));
  CHECK(leader.take_heartbeats(3).back().recovering == Incarnation());
  leader.propose({"x"});
  const auto entries = leader.take_entries(2).back();
  CHECK(entries.recovering == life);
  CHECK(entries.leader_last == index(5));
  answer.recovering = Incarnation();
  leader.receive(2, answer);
  leader.outbox.clear();
  leader.time_out();
  CHECK(leader.take_heartbeats(2).back().recovering == Incarnation());
}

TEST_CASE("rule 3: it is sound again when it has synced all that the leader had, and not what was committed by then") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.receive(2, told(1, 1, 1, life, 3));
  CHECK(node.core.standing() == Standing::recovering);
  CHECK(node.only<AppendEntriesResponse>(2).recovering == life);
  REQUIRE(node.last.leadership.has_value());
  CHECK(node.last.leadership->recovering);
  AppendEntries entries = append_entries(1, 1, 1, entries_of(2, {1, 1}), 3);
  node.receive(2, entries);
  node.write_all();
  CHECK(node.core.commit_index() == index(3));
  CHECK(node.core.standing() == Standing::recovering);
  node.settle();
  CHECK(node.last.leadership == Leadership{Role::follower, term(1), id(2), true});
  CHECK(node.core.standing() == Standing::sound);
  CHECK(node.only<AppendEntriesResponse>(2).recovering == Incarnation());
}

TEST_CASE("rule 3: what was told to an earlier life of the node, or not asked for, counts for nothing") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.receive(2, told(1, 1, 1, Incarnation(6), 1));
  node.receive(2, told(1, 1, 1, Incarnation(), 0));
  CHECK(node.core.standing() == Standing::recovering);
  node.receive(2, told(1, 1, 1, life, 1));
  CHECK(node.core.standing() == Standing::sound);
}

TEST_CASE("rule 3: in a higher term the exchange begins anew") {
  Node node = node_that_is(Standing::recovering, {1}, {term(1), id(0)});
  node.receive(2, told(1, 1, 1, life, 2));
  node.receive(3, append_entries(2, 1, 1, entries_of(2, {2})));
  node.settle();
  CHECK(node.core.standing() == Standing::recovering);
  node.receive(3, told(2, 2, 2, life, 2));
  node.settle();
  CHECK(node.core.standing() == Standing::sound);
}

TEST_CASE("rule 3: a recovering node is not given the leadership") {
  Node leader = node_with_log({1}, {term(1), id(0)});
  elect(leader);
  AppendEntriesResponse answer = success(leader, 2, leader.core.leading()->round);
  leader.receive(3, answer);
  answer.recovering = life;
  leader.receive(2, answer);
  leader.step(TransferLeadership{});
  CHECK(leader.core.leading()->transfer->target == id(3));
}

TEST_CASE("a node that abstains grants nothing for three seconds, and then as any other") {
  Node node = node_that_is(Standing::abstaining, {1}, {term(1), id(0)}, 3, true);
  node.receive(2, PreVote{term(1), index(1), term(1)});
  CHECK_FALSE(node.only<PreVoteResponse>(2).vote_granted);
  node.receive(2, RequestVote{term(2), index(1), term(1)});
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  node.pass(config_of(1).abstention - Duration(1));
  CHECK(node.core.role() == Role::follower);
  node.pass(Duration(1));
  node.receive(2, RequestVote{term(2), index(1), term(1)});
  node.settle();
  const auto answer = node.only<RequestVoteResponse>(2);
  CHECK(answer.vote_granted);
  CHECK_FALSE(answer.flagged);
}

TEST_CASE("a node that abstains does so until it has caught up") {
  Node node = node_that_is(Standing::abstaining, {1}, {term(1), id(0)});
  node.receive(2, told(1, 1, 1, life, 1));
  CHECK(node.core.standing() == Standing::sound);
}

TEST_CASE("a node alone has nobody to abstain for") {
  Node node = node_that_is(Standing::abstaining, {1}, {term(1), id(0)}, 1);
  node.pass(2 * election_timeout);
  node.settle();
  CHECK(node.core.role() == Role::leader);
  CHECK_FALSE(has_raised_generation(node));
}
