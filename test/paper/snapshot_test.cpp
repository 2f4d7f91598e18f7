// Raft paper, section 7 and Figure 13: InstallSnapshot RPC; and what the core promises beside it.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace strata;
using namespace strata::raft;
using namespace strata::raft::testing;

namespace {

InstallSnapshot chunk_of(std::uint64_t of_term, EntryId last_included, std::uint64_t offset, Bytes data, bool done,
                         std::uint64_t number = 1) {
  return {term(of_term), Round(1), ChunkId(number), last_included, offset, SharedBytes(std::move(data)), done};
}

EntryId entry_id(std::uint64_t at, std::uint64_t of_term) {
  return {index(at), term(of_term)};
}

// A follower of leader 2 in term 2 whose synced log has these terms; nothing of it is committed.
Node follower_with(const std::vector<std::uint64_t>& terms) {
  return node_with_log(terms, {term(2), id(0)});
}

// A leader of term 2 whose entries 1 to 4 are committed and gone, in favour of a snapshot; entry 5 is its no-op, which
// follower 2 has. Follower 3 has not been heard.
Node leader_with_snapshot(std::size_t chunk = 1 << 10) {
  Config config = config_of(1);
  config.max_chunk_bytes = chunk;
  Disk disk = disk_with_log({1, 1, 1, 1}, {term(1), id(0)});
  disk.written_commit = disk.synced_commit = index(4);
  Node node(config, disk);
  node.step(TimePassed{});
  node.snapshot();
  elect(node);
  node.receive(2, success(node, 5, node.core.leading()->round));
  node.outbox.clear();
  REQUIRE(node.core.commit_index() == index(5));
  return node;
}

// Follower 3 says that its log is empty.
void reject_all(Node& leader) {
  leader.receive(3, rejection(leader, 1, 0, leader.core.leading()->round));
}

InstallSnapshotResponse has(const Node& leader, const InstallSnapshot& chunk, std::uint64_t offset) {
  return {leader.core.hard_state().term, chunk.round, chunk.chunk, offset};
}

}  // namespace

// ---- Figure 13, receiver implementation ----

TEST_CASE("InstallSnapshot 1: reply immediately if term < currentTerm") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(1, entry_id(5, 1), 0, "abc", false));
  const auto response = node.only<InstallSnapshotResponse>(2);
  CHECK(response.term == term(2));
  CHECK(node.snapshot_parts.empty());
  CHECK(node.core.leader() == id(0));
}

TEST_CASE("InstallSnapshot 2: create new snapshot file if first chunk (offset is 0)") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false));
  REQUIRE(node.snapshot_parts.size() == 1);
  CHECK(node.snapshot_parts[0].offset == 0);
  CHECK(node.snapshot_parts[0].data.view() == "abc");
  CHECK_FALSE(node.snapshot_parts[0].done);
}

TEST_CASE("InstallSnapshot 3: write data into snapshot file at given offset") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 1));
  node.store_snapshot();
  node.receive(2, chunk_of(2, entry_id(5, 2), 3, "def", false, 2));
  REQUIRE(node.snapshot_parts.size() == 1);
  CHECK(node.snapshot_parts[0].offset == 3);
  CHECK(node.snapshot_parts[0].data.view() == "def");
}

TEST_CASE("InstallSnapshot 4: reply and wait for more data chunks if done is false") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 7));
  CHECK(node.take<InstallSnapshotResponse>(2).empty());  // not before it is stored
  node.store_snapshot();
  const auto response = node.only<InstallSnapshotResponse>(2);
  CHECK(response.term == term(2));
  CHECK(response.chunk == ChunkId(7));
  CHECK(response.offset == 3);
  CHECK(node.installed.empty());
  CHECK(node.core.commit_index() == index(0));
}

TEST_CASE("InstallSnapshot 5: save snapshot file, discard any existing or partial snapshot with a smaller index") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 1));
  node.store_snapshot();
  node.receive(2, chunk_of(2, entry_id(6, 2), 0, "ABC", true, 2));
  node.store_snapshot();
  CHECK((node.disk.snapshot.last_included == entry_id(6, 2)));
  CHECK(node.disk.snapshot.content == "ABC");
  CHECK((node.core.snapshot() == entry_id(6, 2)));
  SUBCASE("a chunk of the smaller one that arrives late is not taken") {
    node.outbox.clear();
    node.receive(2, chunk_of(2, entry_id(5, 2), 3, "def", true, 1));
    CHECK(node.snapshot_parts.empty());
    CHECK(node.core.commit_index() == index(6));
  }
}

TEST_CASE(
    "InstallSnapshot 6: if existing log entry has same index and term as snapshot's last included entry, retain "
    "log entries following it and reply") {
  Node node = follower_with({1, 1, 2, 2});
  node.receive(2, chunk_of(2, entry_id(2, 1), 0, "abc", true));
  CHECK(node.only<AppendEntriesResponse>(2).matched == index(2));
  CHECK(node.snapshot_parts.empty());
  CHECK(node.installed.empty());
  CHECK(node.core.last_index() == index(4));
  CHECK(node.core.commit_index() == index(2));
  CHECK(node.committed.size() == 2);  // the state machine goes on by the log
}

TEST_CASE("InstallSnapshot 6: also when that entry has come while the snapshot was being stored") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(2, 1), 0, "abc", true));
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1, 2})));
  node.settle();
  node.outbox.clear();
  node.store_snapshot();
  CHECK(node.installed.empty());
  CHECK(node.core.last_index() == index(3));
  CHECK(node.core.commit_index() == index(2));
  CHECK(node.machine == "1:1 1:2 ");
}

TEST_CASE("InstallSnapshot 7: discard the entire log") {
  Node node = follower_with({1, 1, 1, 1, 1, 1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", true));
  CHECK(node.core.last_index() == index(6));
  node.store_snapshot();
  CHECK(node.core.last_index() == index(5));
  CHECK((node.core.log().base() == entry_id(5, 2)));
  node.settle();
  CHECK(node.disk.written.empty());
  CHECK((node.disk.base == entry_id(5, 2)));
}

TEST_CASE("InstallSnapshot 8: reset state machine using snapshot contents") {
  Node node = follower_with({1});
  node.receive(2, append_entries(2, 1, 1, {}, 1));
  node.outbox.clear();
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", true));
  node.store_snapshot();
  REQUIRE(node.installed.size() == 1);
  CHECK((node.installed[0] == entry_id(5, 2)));
  CHECK(node.machine == "abc");
  CHECK(node.core.commit_index() == index(5));
  const auto response = node.only<AppendEntriesResponse>(2);
  CHECK(response.success);
  CHECK(response.matched == index(5));
  CHECK(response.synced == index(5));
  // The log goes on behind it.
  node.receive(2, append_entries(2, 5, 2, entries_of(6, {2, 2}), 6));
  node.settle();
  CHECK(node.core.synced() == index(7));
  CHECK(node.machine == "abc2:6 ");
  CHECK((node.disk.restored().base == entry_id(5, 2)));
}

// ---- Followers: what may go wrong on the way ----

TEST_CASE("A snapshot chunk resets the election timer, as it comes from the leader") {
  Node node = follower_with({1});
  node.pass(Duration(node.core.config().election_timeout) / 2);
  const TimePoint due = node.last.wake_at;
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false));
  CHECK(node.last.wake_at > due);
  CHECK(node.core.leader() == id(2));
}

TEST_CASE("A chunk that does not follow on what is stored is answered with what is") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 3, "def", false, 4));
  CHECK(node.snapshot_parts.empty());
  CHECK(node.only<InstallSnapshotResponse>(2).offset == 0);
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 5));
  node.store_snapshot();
  node.outbox.clear();
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 5));
  CHECK(node.snapshot_parts.empty());
  CHECK(node.only<InstallSnapshotResponse>(2).offset == 3);
}

TEST_CASE("A chunk that comes again while it is being stored is stored once, and the newest is answered") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 1));
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 2));
  node.store_snapshot();
  CHECK(node.only<InstallSnapshotResponse>(2).chunk == ChunkId(2));
}

TEST_CASE("While the whole snapshot is made durable, the leader is told that nothing is missing") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", true, 1));
  CHECK(node.only<InstallSnapshotResponse>(2).offset == 3);
  node.receive(2, chunk_of(2, entry_id(5, 2), 3, "", true, 2));
  const auto again = node.only<InstallSnapshotResponse>(2);
  CHECK(again.offset == 3);
  CHECK(again.chunk == ChunkId(2));
}

TEST_CASE(
    "A snapshot that could not be stored is asked for from the beginning when the leader tries again, not at once") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", true, 1));
  node.outbox.clear();
  node.step(SnapshotStored{entry_id(5, 2), 0, false});
  CHECK(node.take<InstallSnapshotResponse>(2).empty());  // a full disk would have it sent again and again
  CHECK(node.core.commit_index() == index(0));
  node.snapshot_parts.clear();
  node.receive(2, chunk_of(2, entry_id(5, 2), 3, "", true, 2));
  CHECK(node.only<InstallSnapshotResponse>(2).offset == 0);
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", true, 3));
  CHECK(node.snapshot_parts.size() == 1);
}

TEST_CASE("The next leader goes on with the snapshot where the last one ended") {
  Node node = follower_with({1});
  node.receive(2, chunk_of(2, entry_id(5, 2), 0, "abc", false, 9));
  node.store_snapshot();
  node.receive(3, chunk_of(3, entry_id(5, 2), 0, "abc", false, 1));
  node.settle();
  const auto response = node.only<InstallSnapshotResponse>(3);
  CHECK(response.offset == 3);
  CHECK(response.chunk == ChunkId(1));
}

TEST_CASE("A snapshot of what is applied already is answered as held, whatever is left of the log") {
  Node node = follower_with({1, 1, 2});
  node.receive(2, append_entries(2, 3, 2, {}, 3));
  node.snapshot();
  node.outbox.clear();
  node.receive(2, chunk_of(2, entry_id(2, 1), 0, "abc", true));
  CHECK(node.only<AppendEntriesResponse>(2).matched >= index(2));
  CHECK(node.snapshot_parts.empty());
  CHECK(node.core.commit_index() == index(3));
}

TEST_CASE("A write that ends after the log began anew counts for nothing behind it") {
  Node node = follower_with({1});
  node.receive(2, append_entries(2, 1, 1, entries_of(2, {1, 1, 1, 1, 1, 1, 1})));
  const WriteId old = node.last.append->id;
  node.receive(2, chunk_of(2, entry_id(3, 2), 0, "abc", true));
  node.store_snapshot();
  CHECK(node.core.synced() == index(3));
  node.receive(2, append_entries(2, 3, 2, entries_of(4, {2, 2})));
  node.step(Persisted{old, Durability::synced});
  CHECK(node.core.synced() == index(3));
  CHECK(node.core.written() == index(3));
}

TEST_CASE("AppendEntries that reaches back before the base of the log is taken from the base on") {
  Node node = follower_with({1, 1, 2});
  node.receive(2, append_entries(2, 3, 2, {}, 3));
  node.snapshot();
  node.outbox.clear();
  SUBCASE("an old one, which holds nothing new") {
    node.receive(2, append_entries(2, 0, 0, entries_of(1, {1, 1})));
    CHECK(node.only<AppendEntriesResponse>(2).matched == index(3));
  }
  SUBCASE("one with new entries") {
    node.receive(2, append_entries(2, 1, 1, entries_of(2, {1, 2, 2, 2})));
    node.settle();
    CHECK(node.core.last_index() == index(5));
    CHECK(node.only<AppendEntriesResponse>(2).matched == index(5));
  }
  SUBCASE("a heartbeat") {
    node.receive(2, append_entries(2, 0, 0, {}, 3));
    CHECK(node.only<AppendEntriesResponse>(2).matched == index(3));
  }
}

// ---- Leaders ----

TEST_CASE("Section 7: the leader sends a snapshot to a follower for which it no longer has the entries") {
  Node node = leader_with_snapshot();
  reject_all(node);
  REQUIRE(node.snapshot_reads.size() == 1);
  CHECK((node.snapshot_reads[0].last_included == entry_id(4, 1)));
  node.read_snapshot();
  const auto chunk = node.only<InstallSnapshot>(3);
  CHECK(chunk.term == node.core.hard_state().term);
  CHECK((chunk.last_included == entry_id(4, 1)));
  CHECK(chunk.offset == 0);
  CHECK(chunk.data.view() == "1:1 1:2 1:3 1:4 ");
  CHECK(chunk.done);
  CHECK(node.take_entries(3).empty());
  // It has it: the entries behind it follow.
  node.receive(3, success(node, 4, chunk.round));
  const auto entries = node.take_entries(3);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].prev_log_index == index(4));
  CHECK(entries[0].prev_log_term == term(1));
}

TEST_CASE("A follower that may have the last entry before the leader's log is asked for it before anything else") {
  Disk disk = disk_with_log({1, 1, 1, 2, 2, 2, 2, 2}, {term(2), id(0)});
  disk.written_commit = disk.synced_commit = index(4);
  Node node(config_of(1), disk);
  node.step(TimePassed{});
  node.snapshot();
  elect(node);
  SUBCASE("its log ends there") {
    node.receive(3, rejection(node, 5, 0, node.core.leading()->round));
  }
  SUBCASE("its log conflicts behind it") {
    node.receive(3, rejection(node, 3, 1, node.core.leading()->round));
  }
  CHECK(node.snapshot_reads.empty());
  const auto entries = node.take_entries(3);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].prev_log_index == index(4));
}

TEST_CASE("The chunks follow each other as they are answered, one at a time") {
  Node node = leader_with_snapshot(6);
  reject_all(node);
  Bytes received;
  for (int chunks = 1; chunks <= 3; ++chunks) {
    node.read_snapshot();
    const auto chunk = node.only<InstallSnapshot>(3);
    CHECK(chunk.offset == received.size());
    CHECK(chunk.done == (chunks == 3));
    received += chunk.data.view();
    CHECK(node.snapshot_reads.empty());
    node.receive(3, has(node, chunk, received.size()));
    node.receive(3, has(node, chunk, received.size()));  // the network may repeat it
  }
  CHECK(received == node.disk.snapshot.content);
  CHECK(node.snapshot_reads.empty());
}

TEST_CASE("A chunk that is not answered is sent again, and only the answer to the newest counts") {
  Node node = leader_with_snapshot(6);
  reject_all(node);
  node.read_snapshot();
  const auto lost = node.only<InstallSnapshot>(3);
  node.pass(node.core.config().heartbeat_interval);
  CHECK(node.snapshot_reads.empty());
  node.pass(3 * node.core.config().heartbeat_interval);
  node.read_snapshot();
  const auto again = node.only<InstallSnapshot>(3);
  CHECK(again.offset == lost.offset);
  CHECK(again.chunk > lost.chunk);
  node.receive(3, has(node, lost, 6));
  CHECK(node.snapshot_reads.empty());
  node.receive(3, has(node, again, 6));
  REQUIRE(node.snapshot_reads.size() == 1);
  CHECK(node.snapshot_reads[0].offset == 6);
}

TEST_CASE("When the follower has everything, it is asked now and then whether that is still so") {
  Node node = leader_with_snapshot();
  reject_all(node);
  node.read_snapshot();
  const auto chunk = node.only<InstallSnapshot>(3);
  node.receive(3, has(node, chunk, chunk.data.size()));
  CHECK(node.take<InstallSnapshot>(3).empty());
  node.pass(4 * node.core.config().heartbeat_interval);
  const auto question = node.only<InstallSnapshot>(3);
  CHECK(question.offset == chunk.data.size());
  CHECK((question.data.size() == 0 && question.done));
  CHECK(node.snapshot_reads.empty());
  // It has restarted and lost what it had.
  node.receive(3, has(node, question, 0));
  REQUIRE(node.snapshot_reads.size() == 1);
  CHECK(node.snapshot_reads[0].offset == 0);
}

TEST_CASE("A snapshot that can no longer be read gives way to the newest") {
  Node node = leader_with_snapshot();
  reject_all(node);
  node.snapshot();
  REQUIRE((node.core.snapshot() == entry_id(5, 2)));
  node.read_snapshot();  // of the one before
  CHECK(node.take<InstallSnapshot>(3).empty());
  node.pass(node.core.config().heartbeat_interval);
  node.read_snapshot();
  CHECK((node.only<InstallSnapshot>(3).last_included == entry_id(5, 2)));
}

TEST_CASE("A snapshot that the log has left behind while it was sent is followed by the newest") {
  Node node = leader_with_snapshot();
  reject_all(node);
  node.read_snapshot();
  const auto chunk = node.only<InstallSnapshot>(3);
  node.snapshot();
  REQUIRE(node.core.log().base().index == index(5));
  // It has what it was sent, and entry 5 is gone.
  node.receive(3, success(node, 4, chunk.round));
  REQUIRE(node.snapshot_reads.size() == 1);
  CHECK((node.snapshot_reads[0].last_included == entry_id(5, 2)));
  CHECK(node.snapshot_reads[0].offset == 0);
  node.read_snapshot();
  CHECK((node.only<InstallSnapshot>(3).last_included == entry_id(5, 2)));
}

TEST_CASE("Heartbeats to a follower that is sent a snapshot name no entry that is gone") {
  Node node = leader_with_snapshot();
  reject_all(node);
  node.pass(node.core.config().heartbeat_interval);
  const auto heartbeat = node.take_heartbeats(3);
  REQUIRE_FALSE(heartbeat.empty());
  CHECK(heartbeat.back().prev_log_index == index(0));
  CHECK(heartbeat.back().prev_log_term == term(0));
}

TEST_CASE("An answer to a snapshot chunk confirms the leadership, as every answer does") {
  Node node = leader_with_snapshot();
  reject_all(node);
  node.read_snapshot();
  auto chunk = node.only<InstallSnapshot>(3);
  node.read(1);
  CHECK(node.reads_ready.empty());
  chunk.round = node.core.leading()->round;
  node.receive(3, has(node, chunk, 0));
  CHECK(node.reads_ready.size() == 1);
}

// ---- The log ----

TEST_CASE("The log gives way to a snapshot, as far as it is released and never beyond it") {
  Node node = follower_with({1, 1, 2, 2, 2});
  node.receive(2, append_entries(2, 5, 2, {}, 4));
  node.snapshot(2);
  CHECK((node.core.snapshot() == entry_id(4, 2)));
  CHECK((node.core.log().base() == entry_id(2, 1)));
  CHECK(terms_of(node.core.log()) == std::vector<std::uint64_t>{2, 2, 2});
  CHECK(node.core.last_index() == index(5));
}

TEST_CASE("A node comes back with its snapshot and the log behind it") {
  Cluster cluster(3);
  cluster.elect(1);
  for (int round = 0; round < 5; ++round) {
    cluster.node(1).propose({"a", "b"});
    cluster.settle();
  }
  cluster.node(1).snapshot();
  cluster.node(1).propose({"c"});
  cluster.settle();
  const Bytes machine = cluster.node(1).machine;
  cluster.restart(1);
  CHECK(cluster.node(1).core.log().base().index == index(11));
  CHECK(cluster.node(1).core.last_index() == index(12));
  cluster.elect(1);
  cluster.pass(std::chrono::milliseconds(50));
  cluster.settle();
  CHECK(cluster.node(1).machine.starts_with(machine));
  CHECK(cluster.node(1).machine == cluster.node(2).machine);
}

TEST_CASE("A follower that was away catches up by a snapshot and the entries behind it, also in small chunks") {
  std::size_t chunk = 0;
  SUBCASE("one chunk") {
    chunk = 1 << 20;
  }
  SUBCASE("many chunks") {
    chunk = 3;
  }
  Cluster cluster(3, [&](Config& config) { config.max_chunk_bytes = chunk; });
  cluster.elect(1);
  for (int round = 0; round < 20; ++round) {
    cluster.node(1).propose({"something", "something else"});
    cluster.settle({3});
  }
  cluster.node(1).snapshot();
  cluster.node(2).snapshot(5);
  cluster.node(1).propose({"behind it"});
  cluster.settle({3});
  for (int beat = 0; beat < 8; ++beat) {
    cluster.pass(std::chrono::milliseconds(50));
    cluster.settle();
  }
  CHECK(cluster.node(3).installed.size() == 1);
  CHECK(cluster.node(3).machine == cluster.node(1).machine);
  CHECK(cluster.node(3).core.synced() == cluster.node(1).core.last_index());
  cluster.restart(3);
  CHECK(cluster.node(3).core.last_index() == cluster.node(1).core.last_index());
}
