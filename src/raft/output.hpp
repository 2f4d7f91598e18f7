// What a core wants done: its output. The fields of Output stand in the order in which the driver must honour them
// (raft/core.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/membership.hpp"
#include "base/time.hpp"
#include "raft/config.hpp"
#include "raft/event.hpp"
#include "raft/messages.hpp"

namespace strata::raft {

// What the log notes as committed beside these entries is the commit index after the step that handed them out. A newer
// one may speak of entries that override what the log holds then: after a crash they would be taken for committed.
struct Append {
  WriteId id;
  // Consecutive indexes. When the first is not behind the log's last entry, everything from it on is overridden.
  std::vector<Entry> entries;
  bool sync_at_once = false;  // not to wait for the fsync interval: the node is sound only when they are synced
};

struct ProposalsAppended {
  ProposalId id;
  Term term;
  LogIndex first;  // index of the first payload, the others follow
};

enum class RefusalReason {
  not_leader,
  too_much_uncommitted,
  disk_full,  // the leader's, or so many that no majority has room
};

// None of the payloads was appended, and none will be.
struct ProposalsRefused {
  ProposalId id;
  RefusalReason reason = RefusalReason::not_leader;
};

// A state machine that has applied `index` may serve the read.
struct ReadReady {
  ReadId id;
  LogIndex index;
};

// Entries to be read back from the log for a follower that is further behind than the cache reaches. At most one is
// outstanding for a peer.
struct Fetch {
  NodeId peer;
  LogIndex first;
  LogIndex last;
  std::size_t max_bytes = 0;
};

// A part of an own snapshot to be read for a follower. At most one is outstanding for a peer. The driver keeps a
// snapshot readable for as long as it is asked for, though it has a newer one, as far as it can.
struct ReadSnapshot {
  NodeId peer;
  EntryId last_included;
  std::uint64_t offset = 0;
  std::size_t max_bytes = 0;
};

// A part of a snapshot that the leader sent, to be stored behind the bytes before `offset`. Offset 0 begins anew. What
// does not follow on what is stored changes nothing. `done`: it is whole, to be made durable and verified.
struct StoreSnapshot {
  EntryId last_included;
  std::uint64_t offset = 0;
  SharedBytes data;
  bool done = false;
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };

// Who leads, as far as this node knows. Given in Output when any of it changed; before the first, Leadership{} holds.
struct Leadership {
  Role role = Role::follower;
  Term term;
  NodeId leader;  // 0: unknown
  // This node leads, has committed an entry of its term and is not handing over; or it follows a known leader.
  bool ready = false;
  bool recovering = false;  // this node may have lost what it acknowledged, and has not caught up; or it is silent
  bool operator==(const Leadership&) const = default;
};

// What is to be remembered of the other members, all of it, and whether this node takes part.
struct Record {
  RecordId id;
  std::vector<KnownMember> members;  // in the order of their ids
  Admission admission = Admission::member;
};

// A member does not know this start, and never will: the node has to end. It takes part in nothing any more.
struct TurnedAway {
  NodeId by;
  Verdict verdict = Verdict::other_directory;
  std::uint64_t directory = 0;  // that the member knows this node by
};

struct Output {
  std::optional<HardState> hard_state;
  std::optional<Record> record;
  std::optional<Append> repair;  // entries that are missing in the log, in rising order: each takes its place
  std::optional<Append> append;
  std::vector<Outgoing> send;
  std::vector<Outgoing> send_after_hard_state;
  std::optional<EntryId> install;  // a snapshot that was reported as durable
  bool install_keeps_log = false;  // the log holds it, but for what is missing; else it begins anew behind it
  std::vector<Entry> committed;    // follows on what was handed out before (or Restored::commit_index, or `install`)
  std::optional<ProposalsAppended> proposals_appended;
  std::optional<ProposalsRefused> proposals_refused;
  std::vector<ReadReady> reads_ready;
  std::vector<ReadId> reads_failed;  // no leader, or its leadership was lost: never served, may be asked again
  std::vector<Fetch> fetches;
  std::vector<ReadSnapshot> read_snapshot;
  std::optional<StoreSnapshot> store_snapshot;
  std::optional<Leadership> leadership;
  bool sound_again = false;  // to be recorded, at leisure: until it is, a start finds the node recovering
  bool caught_up = false;    // and so because it holds all that a leader had
  bool joined = false;       // the node was silent until now
  std::optional<TurnedAway> turned_away;
  TimePoint wake_at;
};

}  // namespace strata::raft
