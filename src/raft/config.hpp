// What a core is made of: how it is set, and what its disk held.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/durability.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/membership.hpp"
#include "base/standing.hpp"
#include "base/time.hpp"

namespace strata::raft {

struct Config {
  NodeId self;
  std::vector<NodeId> members;                                 // sorted, self included, no duplicates
  Duration election_timeout = std::chrono::milliseconds(500);  // drawn anew from once to twice this
  Duration heartbeat_interval = std::chrono::milliseconds(50);
  Durability ack = Durability::synced;            // what a majority must have before an entry is committed
  std::size_t max_append_bytes = 1 << 20;         // entries in one AppendEntries (one entry may be larger)
  std::size_t window_bytes = 8 << 20;             // entries on their way to one follower, not yet acknowledged
  std::size_t window_messages = 128;              // the same in messages: what the transport queues for a peer
  std::size_t cache_bytes = 64 << 20;             // committed entries kept in memory for followers
  std::size_t max_uncommitted_bytes = 256 << 20;  // proposals beyond this are refused (never the no-op)
  std::size_t max_chunk_bytes = 256 << 10;        // of a snapshot in one InstallSnapshot
  // Without them the rules of Figure 2 alone hold. Members may differ, for a while.
  bool pre_vote = true;      // no election unless a majority would vote, and none while a leader lives (thesis, 9.6)
  bool check_quorum = true;  // a leader that a majority has not answered for an election timeout steps down
  // A node whose disk has not moved for two election timeouts does not campaign, and gives way when it leads
  // (disk.cpp).
  bool watch_disk = true;
  Duration abstention = std::chrono::seconds(3);  // at most; see Standing::abstaining
};

// What must be on stable storage before any answer (Figure 2, "Persistent state on all servers"; the log is separate).
struct HardState {
  Term term;
  NodeId vote;  // in `term`; 0: none
  bool operator==(const HardState&) const = default;
};

// What the disk held when the node started. Everything named here is synced.
struct Restored {
  HardState hard_state;
  std::vector<TermRun> term_runs;  // of the entries base + 1 to last_index; empty when there are none
  LogIndex last_index;
  LogIndex commit_index;    // known to be committed (marks in the log); the driver has applied up to here
  std::vector<Entry> tail;  // the entries commit_index + 1 to last_index; of those in a hole, nothing counts
  EntryId base;             // the log's entries up to this one are gone
  EntryId snapshot;         // the newest snapshot holds everything up to this one; base <= snapshot <= commit_index
  Standing standing = Standing::sound;
  std::vector<Hole> holes;   // in rising order, behind commit_index; then the node is recovering
  bool end_unknown = false;  // there may have been entries behind last_index; then the node is recovering
  Incarnation incarnation;   // of this life; rises with every start. 0 will do for a node that is sound
  // With the incarnation, this start. Directory 0: the driver has no such names, and nobody introduces himself.
  std::uint64_t directory = 0;
  std::uint64_t nonce = 0;
  std::vector<std::uint64_t> earlier_nonces;  // of the starts before it, the newest first; less than max_nonces
  Admission admission = Admission::member;    // rejoining: then the node is recovering
  std::vector<KnownMember> members;           // the newest Output::record that was saved
};

}  // namespace strata::raft
