// What a core is made of: how it is set, and what its disk held.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "base/durability.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
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
  std::vector<Entry> tail;  // the entries commit_index + 1 to last_index
  EntryId base;             // the log's entries up to this one are gone
  EntryId snapshot;         // the newest snapshot holds everything up to this one; base <= snapshot <= commit_index
};

}  // namespace strata::raft
