// How a leader keeps its followers busy: windows, losses, restarts, entries from the disk, and what it refuses.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

// A leader with these limits whose followers hold its no-op (entry 1).
static Node leader_with(const std::function<void(Config&)>& adjust) {
  Config config = config_of(1);
  adjust(config);
  Node node(config, Disk());
  elect(node);
  for (const int peer : {2, 3}) {
    node.receive(peer, success(node, 1, node.core.leading()->round));
  }
  node.outbox.clear();
  return node;
}

static const Progress& progress_of(const Node& node, int peer) {
  return node.core.leading()->followers.at(id(peer));
}

static void beat(Node& node) {
  node.pass(node.core.config().heartbeat_interval);
}

TEST_CASE("Until a follower's log is known, one AppendEntries with entries is sent at a time") {
  Node node(config_of(1), disk_with_log({1, 1}, {term(1), id(0)}));
  campaign(node);
  node.receive(2, RequestVoteResponse{term(2), true});
  CHECK(node.take_entries(3).size() == 1);
  node.propose({"x"});
  node.propose({"y"});
  CHECK(node.take_entries(3).empty());
  node.receive(3, success(node, 3, node.core.leading()->round));
  const auto rest = node.take_entries(3);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].entries.size() == 2);
}

TEST_CASE("The window of messages bounds what is on its way to a follower") {
  Node node = leader_with([](Config& config) { config.window_messages = 4; });
  for (int proposal = 0; proposal < 10; ++proposal) {
    node.propose({"x"});
  }
  CHECK(node.take_entries(2).size() == 4);
  CHECK(progress_of(node, 2).in_flight.size() == 4);
  node.receive(2, success(node, 3, node.core.leading()->round));
  const auto more = node.take_entries(2);
  REQUIRE(more.size() == 1);
  CHECK(more[0].entries.size() == 6);  // what has gathered goes as one
}

TEST_CASE("The window of bytes bounds what is on its way to a follower") {
  Node node = leader_with([](Config& config) { config.window_bytes = 1000; });
  for (int proposal = 0; proposal < 10; ++proposal) {
    node.propose({Bytes(472, 'x')});
  }
  CHECK(node.take_entries(2).size() == 2);
  node.receive(2, success(node, 2, node.core.leading()->round));
  CHECK(progress_of(node, 2).in_flight_bytes >= 500);
  node.receive(2, success(node, 11, node.core.leading()->round));
  CHECK(progress_of(node, 2).in_flight_bytes == 0);
  CHECK(node.core.last_index() == index(11));
}

TEST_CASE("What a follower holds in memory only stays in its window") {
  Node node = leader_with([](Config& config) { config.window_messages = 2; });
  for (int proposal = 0; proposal < 3; ++proposal) {
    node.propose({"x"});
  }
  node.outbox.clear();
  node.receive(2, success(node, 3, 1, 1, node.core.leading()->round));
  CHECK(node.take_entries(2).empty());
  node.receive(2, success(node, 3, 2, 1, node.core.leading()->round));
  CHECK(node.take_entries(2).size() == 1);
}

TEST_CASE("An AppendEntries holds as many entries as its limit of bytes, and always one") {
  Node node = leader_with([](Config& config) { config.max_append_bytes = 100; });
  node.propose({Bytes(12, 'a'), Bytes(12, 'b'), Bytes(12, 'c'), Bytes(500, 'd'), Bytes(500, 'e')});
  const auto sent = node.take_entries(2);
  REQUIRE(sent.size() == 4);
  CHECK(sent[0].entries.size() == 2);
  CHECK(sent[1].entries.size() == 1);
  CHECK(sent[3].entries.front().index == index(6));
}

TEST_CASE("A lost AppendEntries is noticed when an answer to a round begun two beats later lacks it") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.outbox.clear();  // lost
  beat(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  CHECK(node.take_entries(2).empty());
  beat(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  const auto again = node.take_entries(2);
  REQUIRE(again.size() == 1);
  CHECK(again[0].prev_log_index == index(1));
  CHECK(progress_of(node, 2).state == Progress::State::probing);
  node.receive(2, success(node, 2, node.core.leading()->round));
  CHECK(progress_of(node, 2).state == Progress::State::replicating);
}

TEST_CASE("Losses are noticed, too, when answers come later than the next beats") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.outbox.clear();
  std::vector<Round> rounds;
  for (int count = 0; count < 6; ++count) {
    beat(node);
    rounds.push_back(node.core.leading()->round);
  }
  node.outbox.clear();
  node.receive(2, success(node, 1, rounds[0]));
  CHECK(node.take_entries(2).empty());
  node.receive(2, success(node, 1, rounds[1]));
  CHECK(node.take_entries(2).size() == 1);
}

TEST_CASE("A probe that is lost is sent again, with the same guess: nothing says that the follower lacks more") {
  Node node(config_of(1), disk_with_log({1, 1}, {term(1), id(0)}));
  campaign(node);
  node.receive(2, RequestVoteResponse{term(2), true});
  node.outbox.clear();  // and the probe with the no-op is gone
  beat(node);
  node.receive(2, success(node, 0, node.core.leading()->round));
  CHECK(node.take_entries(2).empty());
  beat(node);
  node.receive(2, success(node, 0, node.core.leading()->round));
  const auto again = node.take_entries(2);
  REQUIRE(again.size() == 1);
  CHECK(again[0].prev_log_index == index(2));
  CHECK(again[0].entries.size() == 1);
}

TEST_CASE("Entries that wait for the follower's disk are not taken for lost") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.outbox.clear();
  for (int count = 0; count < 10; ++count) {
    beat(node);
    node.receive(2, success(node, 2, 1, 1, node.core.leading()->round));
  }
  CHECK(node.take_entries(2).empty());
}

TEST_CASE("Rounds that are begun for reads say nothing about losses") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.outbox.clear();
  for (std::uint64_t read = 1; read < 100; ++read) {
    node.read(read);
    node.receive(2, success(node, 1, node.core.leading()->round));
  }
  CHECK(node.reads_ready.size() == 99);
  CHECK(node.take_entries(2).empty());
}

TEST_CASE("A stream that advances is not taken for lost because it is slow") {
  Node node = leader_with([](Config&) {});
  for (int proposal = 0; proposal < 20; ++proposal) {
    node.propose({"x"});
  }
  node.outbox.clear();
  for (std::uint64_t matched = 2; matched < 20; ++matched) {
    beat(node);
    node.receive(2, success(node, matched, node.core.leading()->round));
  }
  CHECK(node.take_entries(2).empty());
}

TEST_CASE("A heartbeat names an entry that the follower holds, so overtaking entries does not get it rejected") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.outbox.clear();
  beat(node);
  CHECK(node.only<AppendEntries>(2).prev_log_index == index(1));
}

TEST_CASE("A gap is closed at once by the rejection of what came behind it") {
  Node node = leader_with([](Config&) {});
  node.propose({"x"});
  node.propose({"y"});
  node.outbox.clear();
  node.receive(2, rejection(node, 2, 0, node.core.leading()->round));
  const auto again = node.take_entries(2);
  REQUIRE(again.size() == 1);
  CHECK(again[0].entries.size() == 2);
}

TEST_CASE("Old and repeated answers never move nextIndex to matchIndex or below") {
  Node node = leader_with([](Config&) {});
  node.propose({"x", "y", "z"});
  const Round round = node.core.leading()->round;
  node.receive(2, success(node, 3, round));
  for (std::uint64_t hint = 0; hint < 8; ++hint) {
    for (const std::uint64_t of_term : {0u, 1u}) {
      node.receive(2, rejection(node, hint, of_term, round));
      node.receive(2, success(node, hint < 4 ? hint : 3, round));
      CHECK(progress_of(node, 2).match_index == index(3));
      CHECK(progress_of(node, 2).next_index > index(3));
    }
  }
}

TEST_CASE("A follower that restarted and lost what it had in memory is served again") {
  Node node = leader_with([](Config&) {});
  node.propose({"x", "y", "z"});
  node.receive(2, success(node, 4, 3, 2, node.core.leading()->round));
  node.outbox.clear();
  beat(node);  // names entry 4, which it has no more
  CHECK(node.only<AppendEntries>(2).prev_log_index == index(4));
  node.receive(2, rejection(node, 3, 0, node.core.leading()->round));
  CHECK(progress_of(node, 2).match_index == index(2));
  CHECK(progress_of(node, 2).match_written == index(2));
  const auto again = node.take_entries(2);
  REQUIRE(again.size() == 1);
  CHECK(again[0].prev_log_index == index(2));
  CHECK(again[0].entries.size() == 2);
}

TEST_CASE("A follower that restarted and lost what the log has left behind meanwhile is sent the snapshot") {
  Node node = leader_with([](Config& config) { config.members = {id(1), id(2), id(3)}; });
  node.propose({"x", "y", "z"});
  node.settle();
  node.receive(2, success(node, 4, 3, 2, node.core.leading()->round));
  node.receive(3, success(node, 4, node.core.leading()->round));
  node.snapshot();
  REQUIRE(node.core.log().base().index == index(4));
  const Round before = node.core.leading()->round;
  beat(node);  // names no entry, as entry 4 is gone: the follower has nothing to reject
  node.receive(2, success(node, 1, before));
  CHECK(progress_of(node, 2).match_index == index(4));  // the answer to something earlier
  node.receive(2, success(node, 1, node.core.leading()->round));
  CHECK(progress_of(node, 2).match_index == index(2));
  CHECK(node.snapshot_reads.size() == 1);
}

TEST_CASE("A follower whose disk lost synced entries is served from the start") {
  Node node = leader_with([](Config&) {});
  node.propose({"x", "y", "z"});
  node.receive(2, success(node, 4, node.core.leading()->round));
  node.outbox.clear();
  beat(node);
  node.receive(2, rejection(node, 1, 0, node.core.leading()->round));
  CHECK(progress_of(node, 2).match_synced == index(0));
  CHECK(node.take_entries(2).at(0).prev_log_index == index(0));
}

TEST_CASE("Restarts of followers in the middle of a stream end with equal logs") {
  Cluster cluster(3);
  cluster.elect(1);
  for (int proposal = 0; proposal < 10; ++proposal) {
    cluster.node(1).propose({"x"});
    cluster.gather();
    while (!cluster.pool.empty()) {
      cluster.deliver(0);
    }
    cluster.node(2).disk.lose_power();
    cluster.restart(2);
    cluster.settle({2});
  }
  for (int count = 0; count < 6; ++count) {
    cluster.pass(cluster.node(1).core.config().heartbeat_interval);
    cluster.settle();
  }
  CHECK(cluster.node(2).core.synced() == index(11));
  CHECK(cluster.node(2).core.commit_index() == index(11));
}

TEST_CASE("Entries that left the cache are fetched from the log") {
  Node node = leader_with([](Config& config) {
    config.cache_bytes = 100;
    config.max_append_bytes = 200;
    config.members = {id(1), id(2), id(3)};
  });
  for (int proposal = 0; proposal < 20; ++proposal) {
    node.propose({"x"});
    node.settle();
    node.receive(2, success(node, node.core.last_index().value, node.core.leading()->round));
  }
  REQUIRE(node.core.log().first_cached() > index(10));
  node.outbox.clear();
  beat(node);
  node.receive(3, success(node, 1, node.core.leading()->round));
  beat(node);
  node.receive(3, success(node, 1, node.core.leading()->round));  // it lost everything since the no-op
  REQUIRE(node.fetches.size() == 1);
  const Fetch fetch = node.fetches[0];
  CHECK(fetch.peer == id(3));
  CHECK(fetch.first == index(2));
  CHECK(fetch.last.next() == node.core.log().first_cached());
  CHECK(fetch.max_bytes == 200);
  node.receive(3, success(node, 1, node.core.leading()->round));
  CHECK(node.fetches.size() == 1);  // one at a time

  const auto log = node.disk.written;
  SUBCASE("what came back is sent") {
    node.step(Fetched{id(3), {log[1], log[2]}});
    const auto sent = node.take_entries(3);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].prev_log_index == index(1));
    CHECK(sent[0].entries.size() == 2);
    node.receive(3, success(node, 3, node.core.leading()->round));
    REQUIRE(node.fetches.size() == 2);
    CHECK(node.fetches[1].first == index(4));
  }
  SUBCASE("nothing came back: the next answer asks again") {
    node.step(Fetched{id(3), {}});
    CHECK(node.take_entries(3).empty());
    beat(node);
    CHECK(node.fetches.size() == 2);
  }
  SUBCASE("what came back is not what the log names: it is not sent") {
    node.step(Fetched{id(3), entries_of(2, {9, 9})});
    CHECK(node.take_entries(3).empty());
  }
  SUBCASE("what came back has given way to a snapshot meanwhile: that is sent") {
    node.snapshot(2);
    node.step(Fetched{id(3), {log[1], log[2]}});
    CHECK(node.take_entries(3).empty());
    CHECK(node.snapshot_reads.size() == 1);
  }
  SUBCASE("what comes back after the leadership is of no use") {
    node.receive(2, RequestVoteResponse{term(9), false});
    node.step(Fetched{id(3), {log[1], log[2]}});
    CHECK(node.take_entries(3).empty());
  }
}

TEST_CASE("Entries that are not committed, or not in the own log's file, never leave the cache") {
  Node node = leader_with([](Config& config) { config.cache_bytes = 1; });
  for (int proposal = 0; proposal < 5; ++proposal) {
    node.propose({"x"});
  }
  CHECK(node.core.log().first_cached() <= index(2));
  for (const int peer : {2, 3}) {
    node.receive(peer, success(node, 6, node.core.leading()->round));
  }
  REQUIRE(node.core.commit_index() == index(6));
  REQUIRE(node.core.written() == index(1));
  CHECK(node.core.log().first_cached() == index(2));
}

TEST_CASE("Proposals are refused, all of them, where no leader is") {
  Node node = node_with_log({1}, {term(1), id(0)});
  node.propose({"x", "y"});
  REQUIRE(node.last.proposals_refused);
  CHECK(node.last.proposals_refused->reason == RefusalReason::not_leader);
  CHECK(node.core.last_index() == index(1));
}

TEST_CASE("Proposals are refused, all of them, when too much is uncommitted, and taken again after a commit") {
  Node node = leader_with([](Config& config) { config.max_uncommitted_bytes = 200; });
  node.propose({Bytes(72, 'a')});
  node.propose({Bytes(52, 'b'), Bytes(52, 'c')});
  REQUIRE(node.last.proposals_refused);
  CHECK(node.last.proposals_refused->reason == RefusalReason::too_much_uncommitted);
  CHECK(node.core.last_index() == index(2));
  node.propose({Bytes(72, 'd')});
  CHECK(node.last.proposals_appended);
  node.settle();
  node.receive(2, success(node, 3, node.core.leading()->round));
  REQUIRE(node.core.commit_index() == index(3));
  CHECK(node.core.leading()->uncommitted_bytes == 0);
  node.propose({Bytes(52, 'b'), Bytes(52, 'c')});
  CHECK(node.last.proposals_appended);
}

TEST_CASE("What a new leader found uncommitted counts, and its no-op is never refused") {
  Config config = config_of(1);
  config.max_uncommitted_bytes = 1;
  Node node(config, disk_with_log({1, 1}, {term(1), id(0)}));
  elect(node);
  CHECK(node.core.last_index() == index(3));
  CHECK(node.core.leading()->uncommitted_bytes > 2 * Entry::header_size);
  node.receive(2, success(node, 3, node.core.leading()->round));
  CHECK(node.core.leading()->uncommitted_bytes == 0);
}

TEST_CASE("Equal inputs give equal outputs") {
  const auto run = [] {
    Cluster cluster(3);
    cluster.elect(1);
    cluster.node(1).propose({"x"});
    cluster.node(2).read(1);
    cluster.settle();
    cluster.elect(3);
    return cluster.node(3).last.wake_at;
  };
  CHECK(run() == run());
}
