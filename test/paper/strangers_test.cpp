// Messages that no member would send, and numbers that no log has: ignored or refused, and nothing breaks.
#include <doctest/doctest.h>

#include <limits>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("Messages from a stranger, from nobody or from the node itself are ignored, whatever their term") {
  Node node = node_with_log({1}, {term(1), id(0)});
  for (const int from : {0, 1, 4, 65535}) {
    node.receive(from, append_entries(9, 0, 0));
    node.receive(from, RequestVote{term(9), index(9), term(9)});
  }
  node.settle();
  CHECK(node.core.hard_state().term == term(1));
  CHECK(node.outbox.empty());
}

TEST_CASE("A second leader of the same term cannot be: the follower keeps the one it knows") {
  Node node = node_with_log({1}, {term(1), id(0)});
  follow(node, 1);
  node.receive(3, append_entries(1, 1, 1, entries_of(2, {1})));
  CHECK(node.core.leader() == id(2));
  CHECK(node.core.last_index() == index(1));
  CHECK(node.outbox.empty());
}

TEST_CASE("AppendEntries with impossible entries are ignored") {
  Node node = node_with_log({1, 1}, {term(3), id(0)});
  SUBCASE("a gap") {
    node.receive(2, append_entries(3, 1, 1, entries_of(3, {1})));
  }
  SUBCASE("terms that fall") {
    node.receive(2, append_entries(3, 2, 1, entries_of(3, {3, 2})));
  }
  SUBCASE("a term below the previous one") {
    node.receive(2, append_entries(3, 2, 2, entries_of(3, {1})));
  }
  SUBCASE("a term beyond the message's") {
    node.receive(2, append_entries(3, 2, 1, entries_of(3, {4})));
  }
  SUBCASE("a previous term beyond the message's") {
    node.receive(2, append_entries(3, 2, 4));
  }
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{1, 1});
  CHECK(node.outbox.empty());
}

TEST_CASE("AppendEntries with numbers near the largest are refused") {
  Node node = node_with_log({1, 1}, {term(3), id(0)});
  node.receive(2, append_entries(3, huge, 3, {}, huge, huge));
  CHECK(node.only<AppendEntriesResponse>(2).conflict_index == index(3));
  node.receive(2, append_entries(3, huge - 1, 3, entries_of(huge, {3}), huge));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  node.receive(2, append_entries(3, huge, 3, entries_of(0, {3})));  // the index after the largest
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  node.receive(2, append_entries(3, 0, 1));
  CHECK_FALSE(node.only<AppendEntriesResponse>(2).success);
  CHECK(node.core.commit_index() == index(0));
  node.receive(2, append_entries(3, 2, 1, {}, huge));
  CHECK(node.core.commit_index() == index(2));
}

TEST_CASE("A vote for a candidate with numbers near the largest is a vote") {
  Node node = node_with_log({1, 1}, {term(3), id(0)});
  node.receive(2, RequestVote{term(huge), index(huge), term(huge)});
  node.settle();
  CHECK(node.only<RequestVoteResponse>(2).vote_granted);
}

TEST_CASE("Answers that cannot be are ignored by a leader") {
  Node node = node_with_log({1, 1}, {term(3), id(0)});
  elect(node);
  const Round round = node.core.leading()->round;
  node.receive(2, success(node, huge, round));
  node.receive(2, success(node, 4, round));                   // beyond its log
  node.receive(2, success(node, 1, 3, 3, round));             // more synced than matched
  node.receive(2, success(node, 3, Round(round.value + 1)));  // a round that was not begun
  node.receive(2, success(node, 3, Round(huge)));
  CHECK(node.core.leading()->followers.at(id(2)).match_index == index(0));
  CHECK(node.core.commit_index() == index(0));
  node.receive(2, rejection(node, huge, huge, round));
  node.receive(2, rejection(node, 0, huge, round));
  node.receive(2, rejection(node, 3, huge, round));
  node.receive(2, rejection(node, 1, huge, round));
  CHECK(node.core.leading()->followers.at(id(2)).next_index == index(1));
  node.receive(2, success(node, 3, round));
  CHECK(node.core.commit_index() == index(3));
}

TEST_CASE("A vote that comes to one who is no candidate is ignored") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.receive(2, RequestVoteResponse{term(1), true});
  node.receive(3, RequestVoteResponse{term(1), true});
  CHECK(node.core.role() == Role::follower);
}

TEST_CASE("Read answers with unknown ids are ignored") {
  Node node = node_with_log({1, 1}, {term(1), id(0)});
  follow(node, 1);
  node.read(7);
  node.receive(2, ReadIndexResponse{term(1), ReadId(huge), index(2)});
  CHECK(node.reads_ready.empty());
  node.receive(2, ReadIndexResponse{term(1), node.only<ReadIndexRequest>(2).id, index(huge)});
  CHECK(node.core.commit_index() == index(0));  // nothing is verified
}

TEST_CASE("More entries than the cache may hold are taken") {
  Config config = config_of(1);
  config.cache_bytes = 10;
  Node node(config, Disk());
  std::vector<Entry> entries;
  for (std::uint64_t at = 1; at <= 1000; ++at) {
    entries.push_back(make_entry(EntryType::command, term(1), index(at), Bytes(100, 'x')));
  }
  node.receive(2, append_entries(1, 0, 0, entries, 1000));
  node.settle();
  CHECK(node.core.synced() == index(1000));
  CHECK(node.committed.size() == 1000);
  node.receive(2, append_entries(1, 1000, 1, entries_of(1001, {1}), 1001));
  CHECK(node.core.log().first_cached() > index(1000));
}
