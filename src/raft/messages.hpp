// The messages of Raft between members (Raft paper, Figure 2, and section 8 for reads), by the paper's names.
// Sender and receiver stand in the envelope that carries them.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/membership.hpp"

namespace strata::raft {

// Figure 2, RequestVote RPC. The candidate is the sender.
struct RequestVote {
  Term term;
  LogIndex last_log_index;
  Term last_log_term;
  bool leadership_transfer = false;  // the leader itself has asked for this election (thesis, 4.2.3)
};

struct RequestVoteResponse {
  Term term;
  bool vote_granted = false;
  bool flagged = false;  // by a recovering node: it counts only when all members have granted theirs
};

// Numbers the leader's rounds of heartbeats within its term; every message of the leader carries the newest. An answer
// to round r proves that the sender was still led by this leader after round r began (ReadIndex, section 8).
using Round = StrongId<struct RoundTag, std::uint64_t>;

// Figure 2, AppendEntries RPC; without entries: a heartbeat. The leader is the sender.
struct AppendEntries {
  Term term;
  LogIndex prev_log_index;
  Term prev_log_term;
  LogIndex leader_commit;
  LogIndex leader_durable;  // known to be synced on a majority; at `--ack written` that is less than what is committed
  Round round;
  // To a follower that has said that it is recovering: what it called itself, and the leader's last index by now. When
  // it holds all that, on stable storage, it is sound (design, section 6, rule 3). Else 0.
  Incarnation recovering{};
  LogIndex leader_last{};
  std::vector<Entry> entries;  // indexes prev_log_index + 1, + 2, … without a gap
};

struct AppendEntriesResponse {
  Term term;
  bool success = false;
  Round round;       // of the request that this answers, or the newest seen when a disk write made the answer due
  LogIndex matched;  // success: the follower's log is known to equal the leader's up to here: it holds all of it, in
                     // memory at least, but for what is missing (below); that is neither written nor synced, nor is
                     // anything behind it
  LogIndex written;  // min(matched, in the follower's kernel)
  LogIndex synced;   // min(matched, on the follower's stable storage)
  // success == false: the first index the leader should try instead, and the follower's term there (section 5.3, the
  // optimisation of back-tracking by conflicting term). conflict_term 0: the follower's log ends before prev_log_index.
  // Always behind what the follower has verified in this term: a leader that is told otherwise knows of a restart.
  LogIndex conflict_index;
  Term conflict_term;
  Incarnation recovering{};  // the sender's own, when it is not sound and wants to know the leader's last index; else 0
  bool disk_full = false;    // the sender's log will soon not go on: it is no successor of a leader
  // What the follower had and cannot read any more, of that which is known to equal the leader's: to be sent again, by
  // AppendEntries beside all others. 0: nothing. With success only.
  LogIndex missing_first{};
  LogIndex missing_last{};
};

// Asks the leader for an index that a linearizable read may be served at (section 8; thesis, section 6.4).
using ReadId = StrongId<struct ReadIdTag, std::uint64_t>;

struct ReadIndexRequest {
  Term term;
  // The sender's; fresh for every request, a repeated one too, and rising. So the answer to a request also serves the
  // reads of all requests before it, and a leader may answer a sender's newest request alone.
  ReadId id;
};

struct ReadIndexResponse {
  Term term;
  ReadId id;
  std::optional<LogIndex> read_index;  // nothing: the receiver does not lead, or lost its leadership meanwhile
};

// Numbers the chunks of snapshots that a leader sends in its term; one that is sent again has a new number.
using ChunkId = StrongId<struct ChunkIdTag, std::uint64_t>;

// Figure 13, InstallSnapshot RPC. The leader is the sender. One chunk is on its way to a follower at a time.
struct InstallSnapshot {
  Term term;
  Round round;
  ChunkId chunk;
  EntryId last_included;     // the snapshot replaces every entry up to this one
  std::uint64_t offset = 0;  // of `data` in the snapshot, in bytes
  SharedBytes data;
  bool done = false;  // the snapshot ends behind `data`
};

// Says how much of the snapshot the follower has. That it has been installed is told by an AppendEntriesResponse.
struct InstallSnapshotResponse {
  Term term;
  Round round;               // the newest seen
  ChunkId chunk;             // the newest of the leader's that this answers
  std::uint64_t offset = 0;  // the follower has the bytes before it, and wants those from it on
};

// Would the receiver vote for the sender in the term after `term`, the sender's own (thesis, 9.6)? It changes nothing
// at the receiver: no term, no vote, no timer.
struct PreVote {
  Term term;
  LogIndex last_log_index;
  Term last_log_term;
};

struct PreVoteResponse {
  Term term;   // the receiver's own: one that is behind learns it here
  Term asked;  // PreVote::term
  bool vote_granted = false;
  bool flagged = false;  // as in RequestVoteResponse
};

// The leader's order to a follower that holds its whole log to campaign at once (thesis, 3.10).
struct TimeoutNow {
  Term term;
};

// Makes a start known to another member, again and again until it is answered (design, section 6, rule 6;
// docs/decisions/rejoin.md). Outside of terms: neither this nor its answer changes a term.
struct Introduce {
  Term term;
  Start start;                 // the sender's
  std::uint64_t replaces = 0;  // of one who rejoins: the directory that the receiver has said it knows the sender by
  std::vector<std::uint64_t> earlier{};  // the nonces of the starts before it, the newest first
};

enum class Verdict : std::uint8_t {
  recorded,         // on stable storage: the receiver of the question will know no other directory
  other_directory,  // it knows the sender by another
  outdated,         // it knows the sender by this directory, and a state of it that this start knows nothing of
};

struct Introduced {
  Term term;
  std::uint64_t nonce = 0;  // Start::nonce of the question; others than the receiver's own count for nothing
  Verdict verdict = Verdict::recorded;
  std::uint64_t directory = 0;           // that the sender knows the receiver by
  bool silent = false;                   // the sender takes no part yet: its term may be lower than what it once told
  Start start{};                         // the sender's own: what one says who is outdated itself does not count
  std::vector<std::uint64_t> earlier{};  // the nonces of the starts before that, as in Introduce
};

using Message = std::variant<RequestVote, RequestVoteResponse, AppendEntries, AppendEntriesResponse, ReadIndexRequest,
                             ReadIndexResponse, InstallSnapshot, InstallSnapshotResponse, PreVote, PreVoteResponse,
                             TimeoutNow, Introduce, Introduced>;

// A message to a member.
struct Outgoing {
  NodeId to;
  Message message;
};

}  // namespace strata::raft
