// A node whose data directory is new, old, or lost (design, section 6, rule 6; docs/decisions/rejoin.md).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration heartbeat = config_of(1).heartbeat_interval;
static constexpr std::uint64_t own_directory = 0xa;
static constexpr std::uint64_t own_nonce = 0xa1;

static Start start_of(int node, std::uint64_t incarnation = 1, std::uint64_t nonce = 1) {
  return {0xb0U + static_cast<std::uint64_t>(node), Incarnation(incarnation), nonce};
}

static KnownMember known(int node, std::uint64_t of_term = 0) {
  return {id(node), start_of(node), term(of_term)};
}

// Node 1 of three. Its first introductions are in the outbox.
static Node node_that_is(Admission admission, std::vector<KnownMember> members = {}, HardState hard_state = {}) {
  Disk disk = disk_with_log({}, hard_state);
  disk.admission = admission;
  disk.standing = admission == Admission::rejoining ? Standing::recovering : Standing::sound;
  disk.directory = own_directory;
  disk.nonce = own_nonce;
  disk.members = std::move(members);
  Node node(config_of(1, 3), disk);
  node.pass(Duration::zero());
  return node;
}

static Introduced recorded(int by, std::uint64_t of_term, bool silent = false) {
  return {term(of_term), own_nonce, Verdict::recorded, own_directory, silent, start_of(by)};
}

static Introduced known_by(std::uint64_t directory, const Start& speaker = start_of(2)) {
  return {term(1), own_nonce, Verdict::other_directory, directory, false, speaker};
}

// The other members introduce themselves, and that is saved.
static void meet_others(Node& node) {
  node.receive(2, Introduce{term(0), start_of(2)});
  node.receive(3, Introduce{term(0), start_of(3)});
  node.settle();
}

static void rejoin(Node& node, std::uint64_t term_of_2, std::uint64_t term_of_3) {
  meet_others(node);
  node.receive(2, recorded(2, term_of_2));
  node.receive(3, recorded(3, term_of_3));
  node.settle();
  node.outbox.clear();
}

TEST_CASE("rule 6: an empty directory is silent until all others have recorded it, and it has recorded them") {
  Node node = node_that_is(Admission::asking);
  CHECK(node.only<Introduce>(2).start == Start{own_directory, Incarnation(1), own_nonce});
  CHECK(node.take<Introduce>(3).size() == 1);
  CHECK(node.core.waits_for() == std::vector{id(2), id(3)});
  meet_others(node);
  CHECK(node.only<Introduced>(2).silent);
  node.receive(2, recorded(2, 0, true));
  CHECK(node.core.waits_for() == std::vector{id(3)});
  node.receive(3, RequestVote{term(2), index(9), term(1)});
  node.receive(3, PreVote{term(2), index(9), term(1)});
  node.receive(3, append_entries(2, 0, 0, entries_of(1, {2})));
  node.pass(10 * config_of(1).election_timeout);
  node.settle();
  CHECK(node.take<Introduce>(2).empty());
  CHECK(node.take<Introduce>(3).size() == 1);
  CHECK(node.take<Introduced>(3).size() == 1);
  CHECK(node.outbox.empty());
  CHECK(node.core.role() == Role::follower);
  CHECK(node.core.hard_state() == HardState());
  CHECK(node.core.last_index() == index(0));
  node.receive(3, recorded(3, 0, true));
  CHECK(node.last.joined);
  CHECK(node.core.standing() == Standing::sound);
  node.settle();
  CHECK(node.disk.admission == Admission::member);
  node.receive(3, RequestVote{term(2), index(9), term(1)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(3).vote_granted);
}

TEST_CASE("rule 6: what others do not know yet is asked for again every heartbeat interval") {
  Node node = node_that_is(Admission::asking);
  node.outbox.clear();
  CHECK(node.last.wake_at == node.now + heartbeat);
  node.time_out();
  CHECK(node.take<Introduce>(2).size() == 1);
}

TEST_CASE("rule 6: another member's directory is recorded before that is said") {
  Node node = node_that_is(Admission::member);
  node.outbox.clear();
  node.receive(2, Introduce{term(3), start_of(2)});
  CHECK(node.take<Introduced>(2).empty());
  CHECK(node.core.hard_state().term == term(0));
  node.settle();
  const auto answer = node.only<Introduced>(2);
  CHECK(answer.verdict == Verdict::recorded);
  CHECK(answer.nonce == start_of(2).nonce);
  CHECK_FALSE(answer.silent);
  CHECK(node.disk.members == std::vector{known(2, 3)});
  node.receive(2, Introduce{term(3), start_of(2)});
  CHECK(node.only<Introduced>(2).verdict == Verdict::recorded);
}

TEST_CASE("rule 6: a member that knows another directory says so, and the node stops for good") {
  Node node = node_that_is(Admission::member, {known(2)});
  node.outbox.clear();
  node.receive(2, Introduce{term(3), {0xc, Incarnation(1), 5}});
  const auto answer = node.only<Introduced>(2);
  CHECK(answer.verdict == Verdict::other_directory);
  CHECK(answer.directory == start_of(2).directory);
  CHECK(answer.nonce == 5);
  for (const Admission admission : {Admission::asking, Admission::member}) {
    Node other = node_that_is(admission);
    other.outbox.clear();
    other.receive(2, known_by(0xd));
    REQUIRE(other.last.turned_away);
    CHECK(other.last.turned_away->by == id(2));
    other.receive(2, recorded(2, 1));
    other.receive(3, RequestVote{term(2), index(9), term(1)});
    other.pass(10 * config_of(1).election_timeout);
    other.settle();
    CHECK(other.outbox.empty());
    CHECK(other.core.is_silent());
  }
}

TEST_CASE("rule 6: a directory that was put back, or copied, is refused") {
  Node node = node_that_is(Admission::member, {{id(2), {0xb, Incarnation(7), 70}, term(5)}});
  node.outbox.clear();
  const auto verdict_on = [&](Term of_term, std::uint64_t incarnation, std::uint64_t nonce) {
    node.receive(2, Introduce{of_term, {0xb, Incarnation(incarnation), nonce}});
    node.settle();
    return node.only<Introduced>(2).verdict;
  };
  CHECK(verdict_on(term(5), 6, 60) == Verdict::outdated);
  CHECK(verdict_on(term(5), 7, 71) == Verdict::outdated);
  CHECK(verdict_on(term(4), 8, 80) == Verdict::outdated);
  CHECK(verdict_on(term(4), 7, 70) == Verdict::recorded);
  CHECK(verdict_on(term(5), 8, 80) == Verdict::recorded);
  CHECK(node.disk.members == std::vector{KnownMember{id(2), {0xb, Incarnation(8), 80}, term(5)}});
}

TEST_CASE(
    "rule 6: who hears that its directory was put back records that, so that no later start passes for a newer one") {
  Node node = node_that_is(Admission::member, {});
  node.outbox.clear();
  Introduced answer = recorded(2, 4);
  answer.verdict = Verdict::other_directory;
  SUBCASE("put back") {
    answer.verdict = Verdict::outdated;
  }
  SUBCASE("another: it will be found out at any start") {}
  node.receive(2, answer);
  REQUIRE(node.last.turned_away);
  CHECK(node.last.record.has_value() == (answer.verdict == Verdict::outdated));
  CHECK((node.core.admission() == Admission::outdated) == (answer.verdict == Verdict::outdated));
  CHECK(node.core.is_silent());
  CHECK(node.core.waits_for().empty());
}

TEST_CASE("rule 6: starts that nobody heard of do not make an old directory a newer one") {
  Node node = node_that_is(Admission::member, {{id(2), {0xb, Incarnation(7), 70}, term(5)}});
  node.outbox.clear();
  const auto verdict_on = [&](std::uint64_t incarnation, std::vector<std::uint64_t> earlier) {
    Introduce introduce{term(5), {0xb, Incarnation(incarnation), 10 * incarnation}, 0, std::move(earlier)};
    node.receive(2, std::move(introduce));
    node.settle();
    return node.only<Introduced>(2).verdict;
  };
  CHECK(verdict_on(9, {80, 71, 60}) == Verdict::outdated);
  CHECK(verdict_on(8, {71}) == Verdict::outdated);
  CHECK(verdict_on(9, {80, 70, 60}) == Verdict::recorded);
  CHECK(verdict_on(11, {100}) == Verdict::recorded);
}

TEST_CASE("rule 6: the highest term heard is kept, and saved with a term of one's own") {
  Node node = node_that_is(Admission::member, {{id(2), {0xb, Incarnation(7), 70}, term(5)}});
  node.receive(2, append_entries(6, 0, 0));
  node.settle();
  CHECK(node.disk.hard_state.term == term(6));
  CHECK(node.disk.members.front().term == term(6));
  node.outbox.clear();
  node.receive(2, Introduce{term(9), {0xd, Incarnation(1), 1}});
  CHECK(node.only<Introduced>(2).verdict == Verdict::other_directory);
  node.receive(2, Introduce{term(6), {0xb, Incarnation(8), 80}, 0, {70}});
  node.settle();
  CHECK(node.only<Introduced>(2).verdict == Verdict::recorded);
}

TEST_CASE("rule 6: what an earlier directory said, and comes late, does not bind the one in its place") {
  Node node = node_that_is(Admission::member, {known(2, 5)});
  const Start fresh{0xe, Incarnation(1), 50};
  node.receive(2, Introduce{term(0), fresh, start_of(2).directory});
  node.receive(2, append_entries(6, 0, 0), start_of(2).nonce);  // taken before that is saved
  node.settle();
  node.receive(2, append_entries(7, 0, 0), start_of(2).nonce);  // and before the gate knew that it is
  node.settle();
  CHECK(node.core.hard_state().term == term(0));
  CHECK(node.disk.members == std::vector{KnownMember{id(2), fresh, term(0)}});
  node.outbox.clear();
  node.receive(2, Introduce{term(0), {0xe, Incarnation(2), 51}, 0, {50}});  // it was killed before it had heard of any
  node.settle();
  CHECK(node.only<Introduced>(2).verdict == Verdict::recorded);
}

TEST_CASE("rule 6: answers to another nonce count for nothing") {
  Node node = node_that_is(Admission::rejoining);
  meet_others(node);
  node.receive(2, recorded(2, 4));
  Introduced late = recorded(3, 9);
  late.nonce = own_nonce + 1;
  node.receive(3, late);
  late.verdict = Verdict::outdated;
  node.receive(3, late);
  CHECK(node.core.waits_for() == std::vector{id(3)});
  node.receive(3, recorded(3, 4));
  CHECK(node.last.joined);
  CHECK(node.core.hard_state().term == term(4));
}

TEST_CASE("rule 6: who rejoins asks all others; one that is silent itself does not count") {
  Node node = node_that_is(Admission::rejoining);
  meet_others(node);
  node.outbox.clear();
  node.receive(2, recorded(2, 4));
  node.receive(3, recorded(3, 7, true));
  node.settle();
  CHECK(node.core.is_silent());
  CHECK(node.core.waits_for() == std::vector{id(3)});
  node.pass(heartbeat);
  CHECK(node.take<Introduce>(2).empty());
  CHECK(node.take<Introduce>(3).size() == 1);
  node.receive(3, recorded(3, 7));
  CHECK(node.last.joined);
}

TEST_CASE("rule 6: it takes the highest term told, its vote in it spent, saved at once and before anything is said") {
  Node node = node_that_is(Admission::rejoining);
  meet_others(node);
  node.receive(2, recorded(2, 4));
  node.receive(3, recorded(3, 7));
  CHECK(node.last.joined);
  CHECK(node.core.standing() == Standing::recovering);
  CHECK(node.core.hard_state() == HardState{term(7), id(1)});
  node.outbox.clear();
  node.receive(3, RequestVote{term(7), index(9), term(6)});
  CHECK(node.outbox.empty());
  REQUIRE(node.work());
  CHECK(node.disk.hard_state == HardState{term(7), id(1)});
  CHECK(node.disk.admission == Admission::member);
  CHECK(node.disk.members.size() == 2);
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(3).vote_granted);
  node.receive(3, append_entries(6, 0, 0, entries_of(1, {6})));
  node.settle();
  CHECK(node.core.last_index() == index(0));
  node.receive(3, RequestVote{term(8), index(9), term(6)});
  node.settle();
  const auto vote = node.take<RequestVoteResponse>(3).back();
  CHECK(vote.vote_granted);
  CHECK(vote.flagged);
}

TEST_CASE("rule 6: its own term, when that is higher, is kept, and the vote in it is spent too") {
  Node node = node_that_is(Admission::rejoining, {}, {term(9), id(0)});
  rejoin(node, 4, 7);
  CHECK(node.core.hard_state() == HardState{term(9), id(1)});
}

TEST_CASE("rule 6: who rejoins names the directory that it replaces, and none but that is replaced") {
  Node node = node_that_is(Admission::rejoining);
  CHECK(node.take<Introduce>(2).front().replaces == 0);
  node.receive(2, known_by(0xd));
  CHECK_FALSE(node.last.turned_away);
  CHECK(node.only<Introduce>(2).replaces == 0xd);
  node.receive(2, known_by(0xd));
  CHECK(node.take<Introduce>(2).empty());

  Node other = node_that_is(Admission::member, {known(2, 5)});
  other.receive(2, recorded(2, 0));
  other.outbox.clear();
  const Start fresh{0xe, Incarnation(1), 50};
  other.receive(2, Introduce{term(0), fresh, 0xd});
  CHECK(other.only<Introduced>(2).verdict == Verdict::other_directory);
  other.receive(2, Introduce{term(0), fresh, start_of(2).directory});
  other.settle();
  CHECK(other.only<Introduced>(2).verdict == Verdict::recorded);
  CHECK(other.disk.members == std::vector{KnownMember{id(2), fresh, term(0)}});
  CHECK(other.only<Introduce>(2).start.directory == own_directory);  // it has lost what it knew
  other.receive(2, Introduce{term(5), start_of(2), 0xd});
  CHECK(other.only<Introduced>(2).verdict == Verdict::other_directory);
}

TEST_CASE("rule 6: a member whose own directory was put back, or is lost, turns nobody away") {
  const KnownMember newer{id(2), start_of(2, 5, 50), term(1)};
  for (const Start& outdated : {start_of(2, 4, 40), start_of(2, 5, 51), Start{0xc, Incarnation(9), 90}}) {
    for (const Verdict verdict : {Verdict::other_directory, Verdict::outdated}) {
      Node node = node_that_is(Admission::member, {newer});
      Introduced answer = known_by(0xd, outdated);
      answer.verdict = verdict;
      node.receive(2, answer);
      CHECK_FALSE(node.last.turned_away);
    }
  }
  // The copy was started twice since: its start 6 is none of the known start's.
  Node sound = node_that_is(Admission::member, {newer});
  Introduced answer = known_by(0xd, start_of(2, 6, 61));
  answer.earlier = {51, 40};
  sound.receive(2, answer);
  CHECK_FALSE(sound.last.turned_away);
  answer.earlier = {50, 40};
  sound.receive(2, answer);
  CHECK(sound.last.turned_away);

  Node other = node_that_is(Admission::member, {newer});
  other.receive(2, known_by(0xd, start_of(2, 5, 50)));
  CHECK(other.last.turned_away);
}

TEST_CASE("rule 6: what a lost directory acknowledged counts no more for the leader") {
  Disk disk = disk_with_log({1, 1, 1}, {term(1), id(0)});
  disk.directory = own_directory;
  disk.nonce = own_nonce;
  disk.members = {known(2, 1), known(3, 1)};
  Node leader(config_of(1, 3), disk);
  elect(leader);
  const Round before = leader.core.leading()->round;
  leader.receive(2, success(leader, 4, before));
  REQUIRE(leader.core.leading()->followers.at(id(2)).match_synced == index(4));
  leader.receive(2, Introduce{term(0), {0xe, Incarnation(1), 50}, start_of(2).directory});
  CHECK(leader.core.leading()->followers.at(id(2)).match_index == index(0));
  leader.receive(2, success(leader, 4, before), start_of(2).nonce);
  leader.settle();
  CHECK(leader.core.leading()->followers.at(id(2)).match_index == index(0));
  leader.pass(heartbeat);
  leader.receive(2, rejection(leader, 1, 0, leader.core.leading()->round));
  CHECK(leader.core.leading()->followers.at(id(2)).next_index == index(1));
}

TEST_CASE("rule 6: what was said before it was recorded, and comes late, turns nobody away") {
  Node node = node_that_is(Admission::rejoining);
  node.receive(2, known_by(0xd));
  rejoin(node, 4, 4);
  node.receive(2, known_by(0xd));
  CHECK_FALSE(node.last.turned_away);
  CHECK_FALSE(node.core.is_silent());
}

TEST_CASE("rule 6: one that has rejoined is sound when it holds all that a leader had") {
  Node node = node_that_is(Admission::rejoining);
  rejoin(node, 4, 4);
  AppendEntries request = append_entries(4, 0, 0, entries_of(1, {3, 4}), 1);
  request.recovering = Incarnation(1);
  request.leader_last = index(2);
  node.receive(2, request);
  node.write_all();
  CHECK(node.core.standing() == Standing::recovering);
  node.settle();
  CHECK(node.core.standing() == Standing::sound);
}

TEST_CASE("rule 6: a node alone has nobody to wait for") {
  Disk disk;
  disk.admission = Admission::asking;
  disk.directory = own_directory;
  Node node(config_of(1, 1), disk);
  node.pass(Duration::zero());
  CHECK(node.last.joined);
  node.pass(2 * config_of(1).election_timeout);
  node.settle();
  CHECK(node.core.role() == Role::leader);
}

TEST_CASE("rule 6: three that start for the first time find each other, and one that is wiped rejoins them") {
  Cluster cluster(3);
  const auto start_anew = [&](int number, std::uint64_t directory, Admission admission) {
    Disk disk;
    disk.directory = disk.nonce = directory;
    disk.admission = admission;
    disk.standing = admission == Admission::rejoining ? Standing::recovering : Standing::sound;
    const TimePoint now = cluster.nodes.contains(id(number)) ? cluster.node(number).now : TimePoint();
    cluster.nodes.erase(id(number));
    cluster.nodes.emplace(id(number), Node(config_of(number), disk, now));
  };
  for (int number = 1; number <= 3; ++number) {
    start_anew(number, 0xf0U + static_cast<std::uint64_t>(number), Admission::asking);
  }
  cluster.pass(Duration::zero());
  cluster.settle({3});
  cluster.pass(heartbeat);
  cluster.settle({3});
  CHECK(cluster.node(1).core.waits_for() == std::vector{id(3)});
  cluster.pass(heartbeat);
  cluster.settle();
  for (int number = 1; number <= 3; ++number) {
    CHECK_FALSE(cluster.node(number).core.is_silent());
  }
  cluster.elect(1);
  start_anew(2, 0xe2, Admission::asking);
  cluster.pass(heartbeat);
  cluster.gather();
  cluster.settle();
  CHECK(cluster.node(2).core.is_silent());
  CHECK(cluster.node(2).core.waits_for().size() == 2);
  start_anew(2, 0xe2, Admission::rejoining);
  cluster.pass(heartbeat);
  cluster.settle();
  CHECK_FALSE(cluster.node(2).core.is_silent());
  CHECK(cluster.node(2).core.hard_state() == HardState{cluster.node(1).core.hard_state().term, id(2)});
  for (int beat = 0; beat < 2; ++beat) {  // it is sent the log, then told that it has all of it
    cluster.pass(heartbeat);
    cluster.settle();
  }
  CHECK(cluster.node(2).core.standing() == Standing::sound);
  CHECK(cluster.node(2).core.last_index() == cluster.node(1).core.last_index());
}
