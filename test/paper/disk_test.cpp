// What the core makes of its disk's reports: nothing is told, counted or committed before it is safe.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

static Node follower_at(Durability ack) {
  Config config = config_of(1);
  config.ack = ack;
  Node node(config, disk_with_log({1}, {term(1), id(0)}));
  follow(node, 1);
  return node;
}

TEST_CASE("At ack synced, an AppendEntries is answered when it is synced, not when it is written") {
  Node node = follower_at(Durability::synced);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  CHECK(node.outbox.empty());
  node.write_all();
  CHECK(node.outbox.empty());
  node.sync();
  node.write_all();
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK(answer.matched == index(2));
  CHECK(answer.written == index(2));
  CHECK(answer.synced == index(2));
}

TEST_CASE("At ack written, an AppendEntries is answered when it is written, and again when it is synced") {
  Node node = follower_at(Durability::written);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  node.write_all();
  const auto first = node.only<AppendEntriesResponse>(2);
  CHECK(first.written == index(2));
  CHECK(first.synced == index(1));
  node.sync();
  node.write_all();
  CHECK(node.only<AppendEntriesResponse>(2).synced == index(2));
}

TEST_CASE("One answer covers all requests that waited for the same sync") {
  Node node = follower_at(Durability::synced);
  for (std::uint64_t prev = 1; prev < 6; ++prev) {
    node.receive(2, append_entries(1, prev, 1, entries_of(prev + 1, {1}), 0, prev));
  }
  node.settle();
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK(answer.synced == index(6));
  CHECK(answer.round == Round(5));
}

// At `synced` a follower does not claim what it has only written: a leader at `written` would count it.
TEST_CASE("A heartbeat is answered at once with the marks of that time, and with those of this node's level alone") {
  for (const Durability ack : {Durability::synced, Durability::written}) {
    Node node = follower_at(ack);
    node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
    REQUIRE(node.work());
    REQUIRE(node.report());
    node.take<AppendEntriesResponse>(2);
    node.receive(2, append_entries(1, 1, 1, {}, 0, 5));
    const auto answer = node.only<AppendEntriesResponse>(2);
    CHECK(answer.round == Round(5));
    CHECK(answer.matched == index(2));
    CHECK(answer.written == index(ack == Durability::written ? 2 : 1));
    CHECK(answer.synced == index(1));
  }
}

TEST_CASE("A follower never claims more than it has verified with this leader") {
  Node node = node_with_log({1, 1, 1}, {term(2), id(0)});
  node.receive(2, append_entries(2, 1, 1));
  const auto answer = node.only<AppendEntriesResponse>(2);
  CHECK(answer.matched == index(1));
  CHECK(answer.synced == index(1));
}

TEST_CASE("A sync that ends under another leader is not reported beyond what that one has verified") {
  Node node = follower_at(Durability::synced);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1, 1})));
  node.receive(3, append_entries(2, 2, 1));
  node.settle();
  for (const auto& answer : node.take<AppendEntriesResponse>(3)) {
    CHECK(answer.matched == index(2));
    CHECK(answer.synced <= index(2));
  }
}

TEST_CASE("The report of an older write does not acknowledge a newer, different entry (ABA)") {
  Node node = follower_at(Durability::synced);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1, 1, 1})));  // write 1: entries 2 to 4
  REQUIRE(node.work());
  node.sync();                                                         // on the disk; the reports are on their way
  node.receive(3, append_entries(2, 1, 1, entries_of(2, {2, 2})));     // write 2: other entries 2 and 3
  node.receive(2, append_entries(3, 1, 1, entries_of(2, {1, 1, 1})));  // write 3: the first ones again
  REQUIRE(node.report());
  REQUIRE(node.report());  // write 1 is synced
  CHECK(node.core.written() == index(1));
  CHECK(node.core.synced() == index(1));
  REQUIRE(node.work());  // term 2
  REQUIRE(node.work());  // write 2
  node.sync();
  while (node.report()) {
  }
  CHECK(node.core.synced() == index(1));
  node.settle();
  CHECK(node.core.synced() == index(4));
  CHECK(node.disk.synced[1].term == term(1));
}

TEST_CASE("What a truncation leaves of an outstanding write counts when its report comes") {
  Node node = follower_at(Durability::synced);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1, 1, 1})));
  node.receive(3, append_entries(2, 2, 1, entries_of(3, {2})));
  REQUIRE(node.work());
  node.sync();
  while (node.report()) {
  }
  CHECK(node.core.synced() == index(2));
  node.settle();
  CHECK(node.core.synced() == index(3));
}

TEST_CASE("A truncation takes the written and synced marks back") {
  Node node = node_with_log({1, 1, 1}, {term(1), id(0)});
  CHECK(node.core.synced() == index(3));
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {2})));
  CHECK(node.core.written() == index(1));
  CHECK(node.core.synced() == index(1));
}

TEST_CASE("A report that comes twice or late changes nothing") {
  Node node = follower_at(Durability::synced);
  node.receive(2, append_entries(1, 1, 1, entries_of(2, {1})));
  node.settle();
  node.outbox.clear();
  node.step(Persisted{WriteId(1), Durability::written});
  node.step(Persisted{WriteId(1), Durability::synced});
  CHECK(node.core.synced() == index(2));
  CHECK(node.outbox.empty());
}

TEST_CASE("A report may stand for all earlier writes") {
  Node node = follower_at(Durability::synced);
  for (std::uint64_t prev = 1; prev < 6; ++prev) {
    node.receive(2, append_entries(1, prev, 1, entries_of(prev + 1, {1})));
  }
  node.step(Persisted{WriteId(4), Durability::synced});
  CHECK(node.core.synced() == index(5));
  CHECK(node.core.written() == index(5));
}

TEST_CASE("A leader does not count itself before its own sync") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 2, node.core.leading()->round));
  node.propose({"x"});
  node.receive(2, success(node, 3, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(2));
  node.write_all();
  CHECK(node.core.commit_index() == index(2));
  node.settle();
  CHECK(node.core.commit_index() == index(3));
}

TEST_CASE("A majority of followers commits without the leader's disk") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.propose({"x"});
  node.receive(2, success(node, 3, node.core.leading()->round));
  node.receive(3, success(node, 3, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(3));
}

TEST_CASE("A cluster of one commits what it has synced") {
  Node node = node_with_log({}, {term(0), id(0)}, 1, 1);
  elect(node);
  node.propose({"x"});
  node.write_all();
  CHECK(node.core.commit_index() == index(1));
  node.settle();
  CHECK(node.core.commit_index() == index(2));
}

TEST_CASE("At ack written the commit index follows the written marks, and durable the synced ones") {
  Config config = config_of(1);
  config.ack = Durability::written;
  Node node(config, Disk());
  elect(node);
  node.receive(2, success(node, 1, node.core.leading()->round));
  node.propose({"x"});
  node.write_all();
  node.receive(2, success(node, 2, 2, 1, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(2));
  CHECK(node.core.durable() == index(1));
  node.settle();
  CHECK(node.core.durable() == index(1));
  node.receive(2, success(node, 2, 2, 2, node.core.leading()->round));
  CHECK(node.core.durable() == index(2));
}

TEST_CASE("What is only in a follower's memory commits nothing") {
  Node node = node_with_log({1}, {term(1), id(0)});
  elect(node);
  node.receive(2, success(node, 2, 2, 0, node.core.leading()->round));
  node.receive(3, success(node, 2, 0, 0, node.core.leading()->round));
  CHECK(node.core.commit_index() == index(0));
}
