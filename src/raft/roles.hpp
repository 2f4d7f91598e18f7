// The state of a role: it lives in the role and ends with it. For the core, and for those who look at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "raft/event.hpp"
#include "raft/messages.hpp"
#include "raft/progress.hpp"

namespace strata::raft {

// A read that waits for the leader's answer.
struct ForwardedRead {
  ReadId id;
  ReadId request;  // the first ReadIndexRequest that was sent after the read arrived; a later one's answer will do, too
};

struct Follower {
  NodeId leader;          // of the current term; 0: not heard of yet
  LogIndex verified;      // the log is known to equal the leader's up to here (never beyond it: Figure 2, AE rule 5)
  LogIndex told_written;  // the marks in the newest successful answer to the leader
  LogIndex told_synced;
  Round round;      // newest round heard of
  TimePoint heard;  // from the leader, if there is one
  TimePoint election_due;
  std::deque<ForwardedRead> reads;  // in order of arrival
  TimePoint reads_due;              // when a request or its answer counts as lost, if there are reads
};

// The votes for one candidate. Those of recovering members are flagged.
struct Votes {
  std::set<NodeId> granted;
  std::set<NodeId> flagged;  // of `granted`

  void add(NodeId voter, bool with_flag);
  // A majority without a flag, or all of them: then whatever one member still holds, the winner has (design, section 6,
  // rule 5; reliability, 2.4, C2).
  bool suffice(std::size_t members) const;
  // No majority without a flag: what was acknowledged as written may be lost.
  bool need_flagged(std::size_t members) const;
};

// Asks whether it would be elected, before it raises its term (thesis, 9.6).
struct PreCandidate {
  // What it was in this term, and is again when the leader is heard of after all: what is verified stays so. Its
  // election_due is when the asking begins anew.
  Follower follower;
  Votes votes;          // of those who would vote for it, itself included
  TimePoint ask_again;  // those who have not said so: they may just have heard from the leader, or not of the question
};

struct Candidate {
  Votes votes;  // granted to this node in the current term; its own counts once its hard state is saved
  TimePoint election_due;
};

struct PendingRead {
  NodeId from;  // self, or the follower that asked
  ReadId id;
  LogIndex index;  // commit index when the read arrived, but not before this term's no-op
};

// Leadership is being handed over.
struct Transfer {
  NodeId target;
  TimePoint due;      // when it is given up
  bool told = false;  // to campaign, since the last beat of the heartbeat timer
};

// What the disk does, as far as the core is told (disk.cpp).
enum class DiskState : std::uint8_t { works, full, stalled, failed };

struct DiskWatch {
  struct Sync {
    WriteId id;
    TimePoint begun;
  };
  WriteId written;             // the newest write that is reported as written
  TimePoint moved;             // when it last ended something
  TimePoint hard_state_since;  // when the oldest hard state that is not saved was handed out
  std::optional<Sync> sync;    // under way
  bool full = false;
  bool failed = false;
  TimePoint give_way_again;  // after an attempt that came to nothing
};

// A beat of the heartbeat timer.
struct Beat {
  Round round;
  TimePoint begun;
};

struct Leader {
  std::map<NodeId, Progress> followers;
  LogIndex term_start;  // index of this term's no-op: nothing is read and nothing older is committed before it is
  Round round;          // newest round of heartbeats begun
  TimePoint heartbeat_due;
  // The newest beat that a majority has answered, and those since. An answer proves that its sender was led by this
  // leader after the beat began, whatever the clocks of others say.
  std::deque<Beat> beats;
  std::vector<PendingRead> reads_waiting;   // for the next round to begin
  std::vector<PendingRead> reads_in_round;  // for a majority to answer `read_round`
  std::optional<Round> read_round;
  std::size_t uncommitted_bytes = 0;
  ChunkId last_chunk;  // newest sent
  std::optional<Transfer> transfer;
};

// A snapshot that comes from a leader. It outlives the leader: the next one may go on with the same.
struct Incoming {
  EntryId last_included;
  Term term;                 // of the leader that was heard last
  ChunkId chunk;             // the newest of that leader's
  std::uint64_t stored = 0;  // bytes that the driver has
  bool storing = false;      // a part is with the driver
  bool whole = false;        // and it is the last
};

}  // namespace strata::raft
