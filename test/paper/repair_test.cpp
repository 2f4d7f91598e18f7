// A log with holes: entries that the node had and cannot read any more (design, section 5; docs/decisions/repair.md).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static const Duration election_timeout = config_of(1).election_timeout;
static constexpr Incarnation life(7);

static Hole hole(std::uint64_t first, std::uint64_t last, bool terms_known) {
  return {index(first), index(last), terms_known};
}

// Node 1, whose log has these terms; of those in a hole whose terms are not known, the least that they can be.
static Node node_with_holes(const std::vector<std::uint64_t>& terms, const std::vector<Hole>& holes,
                            std::uint64_t in_term, bool end_unknown = false) {
  Disk disk = disk_with_log(terms, {term(in_term), id(0)});
  disk.standing = Standing::recovering;
  disk.incarnation = life;
  disk.holes = holes;
  disk.end_unknown = end_unknown;
  return Node(config_of(1), disk);
}

static AppendEntries told(AppendEntries request, std::uint64_t leader_last) {
  request.recovering = life;
  request.leader_last = index(leader_last);
  return request;
}

static std::vector<std::uint64_t> indexes_of(const std::vector<Entry>& entries) {
  std::vector<std::uint64_t> indexes;
  for (const Entry& entry : entries) {
    indexes.push_back(entry.index.value);
  }
  return indexes;
}

using Indexes = std::vector<std::uint64_t>;

TEST_CASE("what lies behind a hole matches as ever, and just what is missing is asked for") {
  Node node = node_with_holes({1, 1, 1, 1, 2}, {hole(2, 3, true)}, 2);
  node.receive(2, append_entries(2, 5, 2, {}, 5));
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK(answer.success);
  CHECK(answer.matched == index(5));
  CHECK(answer.written == index(1));
  CHECK(answer.synced == index(1));
  CHECK(answer.missing_first == index(2));
  CHECK(answer.missing_last == index(3));
  CHECK(node.core.commit_index() == index(1));
}

TEST_CASE("what is missing is filled in its place; what follows is neither sent again nor written again") {
  Node node = node_with_holes({1, 1, 1, 1, 2}, {hole(2, 2, true), hole(4, 4, true)}, 2);
  node.receive(2, told(append_entries(2, 5, 2, {}, 5), 5));
  node.outbox.clear();
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1}), 5));
  CHECK(indexes_of(node.repaired) == Indexes{2});
  CHECK(node.core.commit_index() == index(3));
  CHECK(node.core.synced() == index(1));
  node.settle();
  CHECK(node.core.synced() == index(3));
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK(answer.synced == index(3));
  CHECK(answer.missing_first == index(4));
  CHECK(node.core.standing() == Standing::recovering);
  node.receive(2, append_entries(2, 3, 1, entries_of(4, {1}), 5));
  CHECK(node.core.commit_index() == index(5));
  CHECK(node.core.standing() == Standing::recovering);
  node.settle();
  CHECK(node.core.standing() == Standing::sound);
  CHECK(node.only<AppendEntriesResponse>(2).missing_first == index(0));
  CHECK(indexes_of(node.repaired) == Indexes{2, 4});
  CHECK_FALSE(node.last.append.has_value());
  CHECK(node.core.last_index() == index(5));
}

TEST_CASE("entries whose terms are not known are taken once an entry behind them matches") {
  Node node = node_with_holes({1, 1, 1, 1, 4}, {hole(2, 4, false)}, 4);
  SUBCASE("in an earlier message") {
    node.receive(2, append_entries(4, 5, 4));
    CHECK(node.only<AppendEntriesResponse>(2).missing_first == index(2));
    node.receive(2, append_entries(4, 1, 1, entries_of(2, {2})));
    CHECK(node.core.log().holes() == std::vector<Hole>{hole(3, 4, false)});
    node.receive(2, append_entries(4, 2, 2, entries_of(3, {2, 4})));
  }
  SUBCASE("in the same message") {
    node.receive(2, append_entries(4, 1, 1, entries_of(2, {2, 2, 4, 4})));
  }
  CHECK(indexes_of(node.repaired) == Indexes{2, 3, 4});
  CHECK(node.core.log().holes().empty());
  CHECK(terms_of(node.core.log()) == Indexes{1, 2, 2, 4, 4});
}

TEST_CASE("where nothing says that it is what was there, the leader's entry overrides all that follows") {
  Node node = node_with_holes({1, 1, 1, 2}, {hole(2, 3, false)}, 3);
  node.receive(2, append_entries(3, 4, 3));
  CHECK(node.only<AppendEntriesResponse>(2).conflict_index <= index(4));
  node.receive(2, append_entries(3, 3, 1));
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK_FALSE(answer.success);
  CHECK(answer.conflict_index == index(2));
  CHECK(answer.conflict_term == term(0));
  node.receive(2, append_entries(3, 1, 1, entries_of(2, {1})));
  CHECK(node.repaired.empty());
  CHECK(indexes_of(node.last.append->entries) == Indexes{2});
  CHECK(node.core.last_index() == index(2));
  CHECK_FALSE(node.core.is_damaged());
}

TEST_CASE("another entry than the missing one overrides it") {
  Node node = node_with_holes({1, 1, 1, 1}, {hole(2, 2, true)}, 2);
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {2})));
  CHECK(node.repaired.empty());
  CHECK(terms_of(node.core.log()) == Indexes{1, 2});
}

TEST_CASE("a damaged node votes with a flag for a log that has all that its own had") {
  Node node = node_with_holes({1, 1, 1}, {hole(2, 2, true)}, 1);
  node.receive(2, RequestVote{term(2), index(2), term(1)});
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  node.receive(3, RequestVote{term(3), index(3), term(1)});
  node.settle();
  const auto answer = node.only<RequestVoteResponse>(3);
  CHECK(answer.vote_granted);
  CHECK(answer.flagged);
}

TEST_CASE("it does not vote when it cannot tell how far its log went, until it has caught up") {
  Node node = node_with_holes({1, 1}, {}, 1, true);
  node.receive(2, RequestVote{term(2), index(9), term(1)});
  node.settle();
  CHECK_FALSE(node.only<RequestVoteResponse>(2).vote_granted);
  node.receive(2, told(append_entries(2, 2, 1, entries_of(3, {1, 2})), 4));
  node.settle();
  CHECK(node.core.standing() == Standing::sound);
  node.outbox.clear();
  node.receive(3, RequestVote{term(3), index(4), term(2)});
  node.settle();
  const auto answer = node.only<RequestVoteResponse>(3);
  CHECK(answer.vote_granted);
  CHECK_FALSE(answer.flagged);
}

TEST_CASE("it never campaigns before it is repaired") {
  Node node = node_with_holes({1, 1, 1}, {hole(2, 2, true)}, 1);
  node.pass(10 * election_timeout);
  CHECK(node.core.role() == Role::follower);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  node.pass(10 * election_timeout);
  CHECK(node.core.role() == Role::follower);
  node.settle();
  node.pass(10 * election_timeout);
  CHECK(node.core.role() == Role::candidate);
}

TEST_CASE("a leader sends what is asked for, beside what it replicates, and again only after two beats") {
  Node leader = node_with_log({1, 1, 1, 1}, {term(1), id(0)});
  elect(leader);
  AppendEntriesResponse answer = success(leader, 5, 5, 5, leader.core.leading()->round);
  answer.written = answer.synced = index(1);
  answer.missing_first = index(2);
  answer.missing_last = index(3);
  leader.receive(2, answer);
  leader.outbox.clear();
  for (int beats = 0; beats < 6; ++beats) {
    leader.time_out();
    leader.outbox.clear();
    answer.round = leader.core.leading()->round;
    leader.receive(2, answer);
    const auto sent = leader.take_entries(2);
    if (beats % 2 == 1) {
      REQUIRE(sent.size() == 1);
      CHECK(sent.front().prev_log_index == index(1));
      CHECK(indexes_of(sent.front().entries) == Indexes{2, 3});
    } else {
      CHECK(sent.empty());
    }
  }
  CHECK(leader.core.leading()->followers.at(id(2)).next_index == index(6));
}

static InstallSnapshot whole_snapshot(EntryId last_included, Term in_term) {
  InstallSnapshot chunk;
  chunk.term = in_term;
  chunk.round = Round(1);
  chunk.chunk = ChunkId(1);
  chunk.last_included = last_included;
  chunk.data = SharedBytes(Bytes("state"));
  chunk.done = true;
  return chunk;
}

TEST_CASE("a snapshot takes the place of what is missing") {
  Node node = node_with_holes({1, 1, 1, 1}, {hole(2, 2, true)}, 1);
  node.receive(2, whole_snapshot({index(3), term(1)}, term(1)));
  node.store_snapshot();
  CHECK(node.installed.size() == 1);
  CHECK_FALSE(node.core.is_damaged());
  CHECK(node.core.commit_index() == index(3));
  CHECK(node.core.synced() == index(4));
  CHECK(node.core.log().entry(index(4)).term == term(1));
}

TEST_CASE("a snapshot that ends at another entry than the log has there takes the place of all of it") {
  Node node = node_with_holes({1, 1, 1, 1}, {hole(2, 2, true), hole(4, 4, true)}, 2);
  node.receive(2, whole_snapshot({index(3), term(2)}, term(2)));
  node.store_snapshot();
  CHECK(node.core.last_index() == index(3));
  CHECK_FALSE(node.core.is_damaged());
}

TEST_CASE("a snapshot that ends where the log's term is not known leaves what may be its continuation") {
  for (const std::uint64_t of_snapshot : {1U, 2U, 3U}) {
    Node node = node_with_holes({1, 1, 1, 3, 3}, {hole(2, 3, false)}, 4);
    node.receive(2, whole_snapshot({index(3), term(of_snapshot)}, term(4)));
    node.store_snapshot();
    CHECK((node.core.log().base() == EntryId{index(3), term(of_snapshot)}));
    CHECK(node.core.last_index() == index(5));
    CHECK_FALSE(node.core.is_damaged());
    CHECK(node.core.log().term_at(index(4)) == term(3));
  }
  Node node = node_with_holes({1, 1, 1, 3, 3}, {hole(2, 3, false)}, 4);
  node.receive(2, whole_snapshot({index(2), term(3)}, term(4)));
  node.store_snapshot();
  CHECK(node.core.is_damaged());
  CHECK((node.core.log().holes() == std::vector{hole(3, 3, false)}));
  CHECK(node.core.last_index() == index(5));
  Node other = node_with_holes({1, 1, 1, 3, 3}, {hole(2, 3, false)}, 4);
  other.receive(2, whole_snapshot({index(3), term(4)}, term(4)));  // what follows it is of an earlier term
  other.store_snapshot();
  CHECK(other.core.last_index() == index(3));
}

TEST_CASE("a leader whose log has left behind what is missing sends its snapshot") {
  Node leader = node_with_log({1, 1, 1, 1}, {term(1), id(0)});
  elect(leader);
  leader.receive(2, success(leader, 5, leader.core.leading()->round));
  leader.snapshot();
  AppendEntriesResponse answer = success(leader, 5, 5, 5, leader.core.leading()->round);
  answer.written = answer.synced = index(1);
  answer.missing_first = answer.missing_last = index(2);
  leader.receive(3, answer);
  CHECK(leader.core.leading()->followers.at(id(3)).transfer.has_value());
  answer.round = leader.core.leading()->round;
  leader.receive(3, answer);
  CHECK(leader.core.leading()->followers.at(id(3)).transfer.has_value());
}

TEST_CASE("what is missing behind a snapshot is sent once the snapshot is there") {
  Node leader = node_with_log({1, 1, 1, 1}, {term(1), id(0)});
  elect(leader);
  leader.receive(2, success(leader, 5, leader.core.leading()->round));
  leader.snapshot();
  leader.propose({"x"});
  leader.settle();
  leader.receive(2, success(leader, 6, leader.core.leading()->round));
  AppendEntriesResponse answer = success(leader, 6, 6, 6, leader.core.leading()->round);
  answer.written = answer.synced = index(1);
  answer.missing_first = answer.missing_last = index(2);
  leader.receive(3, answer);
  REQUIRE(leader.core.leading()->followers.at(id(3)).transfer.has_value());
  leader.outbox.clear();
  answer.round = leader.core.leading()->round;
  answer.written = answer.synced = index(5);
  answer.missing_first = answer.missing_last = index(6);
  leader.receive(3, answer);
  CHECK_FALSE(leader.core.leading()->followers.at(id(3)).transfer.has_value());
  const auto repair = leader.only<AppendEntries>(3);
  REQUIRE(repair.entries.size() == 1);
  CHECK(repair.entries.front().index == index(6));
}
