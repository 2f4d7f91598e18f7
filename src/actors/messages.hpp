// What the actors say to each other. Each variant is the whole vocabulary of one mailbox; batches are what travels.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/mailbox.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/membership.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "kv/state_machine.hpp"
#include "raft/core.hpp"
#include "wal/log.hpp"
#include "wire/client_protocol.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::actors {

// --fsync-interval was changed while the node runs; to the front end (STATUS) and the fsync timer.
struct SetFsyncInterval {
  Duration interval{};
};
// An actor's alarm rang.
struct Tick {};
// The front end's order to finish: no new requests, answer what is on its way within `patience`. The other actors end
// when their mailbox is closed and empty; the order is in node_actors.hpp.
struct Finish {
  Duration patience{};
};

// ---- To the front end ----

// From the clients' sockets.
struct ClientRequests {
  std::vector<wire::ClientRequest> requests;
};
// Bytes of replies that wait in net for a slow client, all together; they count as pending (--max-pending).
struct ReplyBacklog {
  std::size_t bytes = 0;
};
// From another member.
struct ForwardedFrom {
  NodeId from;
  wire::ForwardSets sets;
};
struct ForwardAnswersFrom {
  NodeId from;
  wire::ForwardReplies replies;
};
struct HelloFrom {
  NodeId from;
  wire::Hello hello;
};
// From Raft.
struct Committed {
  std::vector<Entry> entries;
  LogIndex durable;  // known to be synced by a majority
};
// The same by itself: told when some of what was told as Committed is not known to be durable, and more of it now is.
struct DurableUpTo {
  LogIndex index;
};
// In order with Committed: the state machine becomes this one, which an installed snapshot holds.
struct InstallState {
  std::unique_ptr<kv::StateMachine> state;
  Term term;  // of the last entry in it
};
// From the snapshot keeper: one piece of the capture is stored.
struct PieceStored {};
// By the front end itself: the capture has rested long enough.
struct NextPiece {};
// The capture came to nothing, for want of space; the next one is due as if this had been taken.
struct CaptureFailed {};
// From the snapshot keeper: one cannot be read any more. Another is to take its place at once, however little was
// applied since: a follower may wait for it.
struct SnapshotWanted {};
struct ReadsReady {
  std::vector<raft::ReadReady> reads;
};
struct ReadsFailed {
  std::vector<raft::ReadId> reads;
};
// Raft's part of STATUS, in answer to StatusWanted.
struct RaftStatus {
  std::uint64_t request = 0;
  raft::Role role = raft::Role::follower;
  bool recovering = false;  // it may have lost what it acknowledged, and has not caught up; or it is not admitted
  Admission admission = Admission::member;
  std::vector<NodeId> waits_for;  // until these have answered, it is not admitted
  raft::DiskState disk = raft::DiskState::works;
  NodeId leader;
  Term term;
  LogIndex commit;
  LogIndex first;     // of the log as it is kept
  LogIndex snapshot;  // up to which the newest snapshot reaches
  LogIndex written;
  LogIndex synced;
  LogIndex durable;
  struct Peer {
    NodeId id;
    LogIndex match;
    LogIndex synced;
    raft::Progress::State state = raft::Progress::State::probing;
    bool disk_full = false;
    std::int64_t rtt_us = 0;                           // of the newest answered round of heartbeats
    std::optional<raft::Progress::Transfer> transfer;  // of a snapshot, in the state `snapshot`
  };
  std::vector<Peer> peers;  // of a leader
  struct Syncs {
    std::uint64_t count = 0;
    std::uint64_t p50_us = 0;
    std::uint64_t p99_us = 0;
    std::uint64_t max_us = 0;
  } syncs;
};

using FrontEndMessage = std::variant<ClientRequests, ReplyBacklog, ForwardedFrom, ForwardAnswersFrom, HelloFrom,
                                     Committed, DurableUpTo, InstallState, PieceStored, NextPiece, CaptureFailed,
                                     SnapshotWanted, raft::ProposalsAppended, raft::ProposalsRefused, ReadsReady,
                                     ReadsFailed, raft::Leadership, RaftStatus, SetFsyncInterval, Tick, Finish>;

// ---- To Raft ----

struct PeerMessages {
  std::vector<raft::Received> messages;
};
// A write reached the kernel. At `synced` it is told of only when its sync has to wait for the interval: SyncedUpTo
// says it, too, and saves waking Raft.
struct WrittenUpTo {
  raft::WriteId id;
};
// The log is on stable storage up to `end`: a sync ended well, or a new segment was begun, before which the one before
// it is synced.
struct SyncedUpTo {
  raft::WriteId id;
  wal::Position end;
  std::optional<Duration> took{};  // by a sync of the fsync timer's
};
// Raft is to end: a leader hands over first, for as long as `patience` at most. It then closes its mailbox.
struct HandOver {
  Duration patience{};
};
struct StatusWanted {
  std::uint64_t request = 0;
};

// A snapshot of this node's own is on stable storage.
struct SnapshotSaved {
  LogIndex index;
  LogIndex released;  // the log is not needed up to here
};
// A snapshot that the leader sent is on stable storage; this is what it holds.
struct SnapshotReceived {
  EntryId last_included;
  std::unique_ptr<kv::StateMachine> state;
};

using RaftMessage =
    std::variant<SnapshotSaved, SnapshotReceived, raft::SnapshotRead, raft::SnapshotStored, PeerMessages, raft::Propose,
                 raft::Read, WrittenUpTo, raft::SyncBegun, SyncedUpTo, raft::HardStateSaved, raft::Recorded,
                 raft::DiskSpace, raft::DiskFailed, raft::Fetched, HandOver, StatusWanted, Tick>;

// ---- To the WAL writer ----

struct AppendEntriesToLog {
  raft::Append append;
  wal::Marks marks;
};
// Output::repair, in order with the appends.
struct RepairLog {
  raft::Append repair;
  wal::Marks marks;
};
struct SpareReady {
  std::unique_ptr<wal::PreparedSegment> spare;  // nullptr: it could not be made
  bool no_room = false;                         // because the disk is full
};
// The disk was full some time ago: is there room again?
struct TryDiskAgain {};

// In order with the appends.
struct RestartLog {
  EntryId base;
  wal::Marks marks;
};
struct ReleaseLog {
  LogIndex up_to;
};

// The node holds again all that it ever acknowledged.
struct RecordSound {};

// Output::hard_state and Output::record of one step, to be saved together; one of them at least.
struct SaveState {
  std::optional<raft::HardState> hard_state;
  std::optional<raft::Record> record;
};

using WalMessage = std::variant<RecordSound, RepairLog, RestartLog, ReleaseLog, SaveState, AppendEntriesToLog,
                                raft::Fetch, SpareReady, TryDiskAgain>;

// ---- To the fsync timer ----

struct Written {
  raft::WriteId id;
  wal::SyncTarget target;
  bool sync_at_once = false;  // whatever the interval
};

using FsyncMessage = std::variant<Written, SetFsyncInterval, Tick>;

// ---- To the segment allocator ----

struct PrepareSpare {
  std::uint32_t sequence = 0;
};

// What the log has let go of (Log::release).
struct RemoveSegments {
  std::vector<std::string> paths;
};

using AllocatorMessage = std::variant<PrepareSpare, RemoveSegments>;

// ---- To the snapshot keeper ----

// The next piece of what the front end captures; the first one begins a snapshot and gives up one that has not ended.
struct CapturedPiece {
  EntryId last_included;
  Bytes content;
  bool first = false;
  bool last = false;
};
// To be destroyed where that may take its time.
struct Discard {
  std::unique_ptr<kv::StateMachine> state;
};

using SnapshotMessage = std::variant<CapturedPiece, Discard, raft::StoreSnapshot, raft::ReadSnapshot>;

using FrontEndMailbox = Mailbox<FrontEndMessage>;
using RaftMailbox = Mailbox<RaftMessage>;
using WalMailbox = Mailbox<WalMessage>;
using FsyncMailbox = Mailbox<FsyncMessage>;
using AllocatorMailbox = Mailbox<AllocatorMessage>;
using SnapshotMailbox = Mailbox<SnapshotMessage>;

}  // namespace strata::actors
