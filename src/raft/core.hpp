// The consensus core: Raft as a pure function of its inputs (design, section 2). No clock, no random source, no thread,
// no file, no socket: an event goes in with the time it happened and a random number, one Output comes out.
//
// The driver's duty, in the order of Output's fields:
//   1. `hard_state`: save it and sync it, then report HardStateSaved. In order with 2, by the same disk queue.
//   2. `append`: write the entries to the log, in order; report Persisted{id, written}, and after a sync
//      Persisted{id, synced} (one report may stand for all earlier ids as well).
//   3. `send`: send at once; losing, delaying, duplicating and reordering is allowed.
//   4. `send_after_hard_state`: send when the newest hard state handed out so far (in this Output or an earlier one) is
//      synced, not before (Figure 2: "updated on stable storage before responding to RPCs").
//   5. `install`: the state machine becomes that of the snapshot, and the log begins anew behind it (in order with 2
//      and with `committed`).
//   6. `committed`: apply, in order.
//   7. the rest: answers to proposals and reads, entries and snapshots to be read or stored, and when to wake the core
//      by TimePassed.
// The message's `from` is the driver's to vouch for, and so is the incarnation (design, section 6, rule 4): an
// acknowledgement of an earlier life of a member must not reach the core.
//
// Errors: there are none. What a peer may send is answered or ignored; what the driver may not do is asserted. One
// thing that a peer can cause is asserted too: a leader that contradicts a committed entry. The promise is broken
// already then.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/durability.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "raft/log.hpp"
#include "raft/messages.hpp"
#include "raft/progress.hpp"

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

// ---- Input ----

// Nothing happened but time; also whenever the time of Output::wake_at has come. Elections and heartbeats begin in this
// event only: a driver that was held up hands in the messages that waited first, so that the leader's may be among
// them.
struct TimePassed {};

struct Received {
  NodeId from;
  Message message;
};

// Commands to append. They get consecutive indexes or are all refused. Those of one event are taken whatever their size
// when nothing is uncommitted, else within max_uncommitted_bytes.
using ProposalId = StrongId<struct ProposalIdTag, std::uint64_t>;
struct Propose {
  ProposalId id;                // the driver's own, comes back in the answer
  std::vector<Bytes> payloads;  // at least one
};

// A linearizable read that began before this event; one id may stand for many reads. Fresh for every event. The answer
// may take as long as there is no majority: the driver has its own limit of time.
struct Read {
  ReadId id;
};

// The leader lets a follower take its place (thesis, 3.10): it takes no more proposals, commits what it has, brings the
// follower up to date and tells it to campaign. Leadership says that it is not ready meanwhile; when an election
// timeout has passed without success, it goes on as before. Of no effect on another role, and when there is no such
// follower.
struct TransferLeadership {
  NodeId target;  // 0: the best of those that are heard
};

// Names one Output::append; rises by one with each.
using WriteId = StrongId<struct WriteIdTag, std::uint64_t>;

// All appends up to `id` have reached `level`. synced implies written. An id names the write itself and not the entry
// (term, index), because an entry can be written, overwritten and written again (catalogue of bugs, 22).
struct Persisted {
  WriteId id;
  Durability level = Durability::written;
};

// This hard state, and with it every earlier one, is on stable storage.
struct HardStateSaved {
  HardState hard_state;
};

// The answer to Output::fetch: these entries, read back from the log; a prefix of what was asked for is enough, none
// says that they could not be read. They may have been overwritten meanwhile: the core checks the terms.
struct Fetched {
  NodeId peer;
  std::vector<Entry> entries;
};

// The driver holds a snapshot of everything up to `index`, on stable storage and verified; it has applied that much. It
// no longer needs the log's entries up to `released` <= index, which are the less the fewer followers shall need the
// snapshot.
struct SnapshotTaken {
  LogIndex index;
  LogIndex released;
};

// The answer to Output::read_snapshot: these bytes of it, at least one when there are any from that offset on.
struct SnapshotRead {
  NodeId peer;
  EntryId last_included;
  std::uint64_t offset = 0;
  SharedBytes data;
  std::uint64_t size = 0;  // of the whole snapshot; 0: it cannot be read
};

// The answer to Output::store_snapshot.
struct SnapshotStored {
  EntryId last_included;
  std::uint64_t stored = 0;  // bytes, from the beginning; 0 also when it could not be stored or is not sound
  bool durable = false;      // it is whole, on stable storage, verified, and ready to be installed
};

using Event = std::variant<TimePassed, Received, Propose, Read, Persisted, HardStateSaved, Fetched, SnapshotTaken,
                           SnapshotRead, SnapshotStored, TransferLeadership>;

// ---- Output ----

// What the log notes as committed beside these entries is the commit index after the step that handed them out. A newer
// one may speak of entries that override what the log holds then: after a crash they would be taken for committed.
struct Append {
  WriteId id;
  // Consecutive indexes. When the first is not behind the log's last entry, everything from it on is overridden.
  std::vector<Entry> entries;
};

struct ProposalsAppended {
  ProposalId id;
  Term term;
  LogIndex first;  // index of the first payload, the others follow
};

enum class RefusalReason { not_leader, too_much_uncommitted };

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
  bool operator==(const Leadership&) const = default;
};

struct Output {
  std::optional<HardState> hard_state;
  std::optional<Append> append;
  std::vector<Outgoing> send;
  std::vector<Outgoing> send_after_hard_state;
  std::optional<EntryId> install;  // a snapshot that was reported as durable
  std::vector<Entry> committed;    // follows on what was handed out before (or Restored::commit_index, or `install`)
  std::optional<ProposalsAppended> proposals_appended;
  std::optional<ProposalsRefused> proposals_refused;
  std::vector<ReadReady> reads_ready;
  std::vector<ReadId> reads_failed;  // no leader, or its leadership was lost: never served, may be asked again
  std::vector<Fetch> fetches;
  std::vector<ReadSnapshot> read_snapshot;
  std::optional<StoreSnapshot> store_snapshot;
  std::optional<Leadership> leadership;
  TimePoint wake_at;
};

// ---- State of a role: it lives in the role and ends with it ----

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

// Asks whether it would be elected, before it raises its term (thesis, 9.6).
struct PreCandidate {
  // What it was in this term, and is again when the leader is heard of after all: what is verified stays so. Its
  // election_due is when the asking begins anew.
  Follower follower;
  std::set<NodeId> votes;  // who would vote for it, itself included
  TimePoint ask_again;  // those who have not said so: they may just have heard from the leader, or not of the question
};

struct Candidate {
  std::set<NodeId> votes;  // granted to this node in the current term; its own counts once its hard state is saved
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

class Core {
 public:
  // The node starts as a follower with an election timer drawn from `random`.
  Core(Config config, Restored restored, TimePoint now, std::uint64_t random);

  // One event that happened at `now` (never earlier than in the call before). `random` is a fresh random number; it is
  // used when an election timeout has to be drawn, so equal inputs give equal outputs.
  Output step(Event event, TimePoint now, std::uint64_t random);

  // ---- For STATUS, tests and the simulator's invariants ----
  const Config& config() const { return config_; }
  const HardState& hard_state() const { return hard_state_; }
  Role role() const;
  NodeId leader() const;  // 0: unknown
  LogIndex commit_index() const { return commit_index_; }
  LogIndex last_index() const { return log_.last_index(); }
  LogIndex written() const { return written_; }
  LogIndex synced() const { return synced_; }
  // Index known to be synced on a majority; 0 after a start. It rises on a leader, and on a follower with what the
  // leader tells.
  LogIndex durable() const { return durable_; }
  const Log& log() const { return log_; }
  // What the newest snapshot holds; {0, 0}: there is none.
  EntryId snapshot() const { return snapshot_; }
  const Leader* leading() const { return std::get_if<Leader>(&role_); }

 private:
  friend struct CoreEncoding;  // test/exhaustive: compares cores by all that decides what they will do

  // An Output::append that is not reported as synced yet.
  struct Write {
    WriteId id;
    LogIndex last;  // its last entry that has not been overridden since
  };

  // core.cpp: events, and what all roles share
  void on(TimePassed);
  void on(Received event);
  void on(Persisted event);
  void on(HardStateSaved event);
  template <class M>
  void dispatch(NodeId from, M& message);
  void dispatch(NodeId from, PreVote& request) { receive(from, request); }
  void dispatch(NodeId from, PreVoteResponse& response);
  bool is_peer(NodeId node) const;
  TimePoint& election_due();
  LogIndex acknowledged_mark() const { return config_.ack == Durability::synced ? synced_ : written_; }
  void set_hard_state(HardState state);
  void adopt_term(Term term);
  void append(std::vector<Entry> entries);
  void truncate_after(LogIndex last);
  void commit_to(LogIndex index);
  void send(NodeId to, Message message) { messages_.push_back({to, std::move(message)}); }
  Leadership leadership() const;
  TimePoint wake_at();
  Output finish();

  // election.cpp
  TimePoint draw_election_due();
  void election_timed_out();
  void start_election(bool leadership_transfer = false);
  void count_vote(NodeId voter);
  bool up_to_date(LogIndex last_log_index, Term last_log_term) const;
  void receive(NodeId from, const RequestVote& request);
  void receive(NodeId from, const RequestVoteResponse& response);
  void refuse(NodeId from, const RequestVote& request);

  // pre_vote.cpp
  void start_pre_vote();
  void ask_for_pre_votes();
  void count_pre_vote(NodeId voter);
  void stop_asking();
  bool leader_lives() const;
  bool disturbs(const RequestVote& request) const;
  void receive(NodeId from, const PreVote& request);
  void receive(NodeId from, const PreVoteResponse& response);

  // transfer.cpp
  void on(const TransferLeadership& event);
  NodeId best_successor() const;
  void hand_over();
  void receive(NodeId from, const TimeoutNow& order);
  void refuse(NodeId, const TimeoutNow&) {}  // of a term that is over, and so is its sender's leadership

  // check_quorum.cpp
  bool answered_by_majority(Round round) const;
  void note_beat();
  void note_contact();
  TimePoint quorum_due() const;
  bool quorum_lost() const;
  void step_down();

  // follower.cpp
  bool follow(NodeId leader);
  void receive(NodeId from, AppendEntries& request);
  void drop_compacted(AppendEntries& request) const;
  void refuse(NodeId from, const AppendEntries& request);
  void reject(NodeId from, const AppendEntries& request);
  void take_entries(std::vector<Entry>& entries);
  void answer(Follower& follower, Round round);
  void answer_persisted(Follower& follower);

  // leader.cpp
  void become_leader();
  void on(const Propose& event);
  void on(Fetched event);
  std::vector<Entry> encode(const std::vector<Bytes>& payloads, std::size_t bytes) const;
  void begin_round(Round round);
  void beat();
  void replicate(NodeId to, Progress& progress);
  void replicate_to_all();
  void send_entries(NodeId to, Progress& progress, std::vector<Entry> entries);
  void fetch(NodeId peer, LogIndex first);
  // The follower has answered what was sent in that round. None: the answer is to no leader, or to none of its rounds.
  Progress* answered(NodeId from, Round round);
  void receive(NodeId from, const AppendEntriesResponse& response);
  void accepted(Progress& progress, const AppendEntriesResponse& response);
  void rejected(Progress& progress, const AppendEntriesResponse& response);
  LogIndex next_to_try(const Progress& progress, const AppendEntriesResponse& response) const;
  void advance_commit();
  LogIndex majority_mark(LogIndex own, LogIndex Progress::* mark) const;

  // snapshots.cpp
  void on(const SnapshotTaken& event);
  void on(SnapshotRead event);
  void on(const SnapshotStored& event);
  void begin_transfer(NodeId to, Progress& progress);
  void read_chunk(NodeId to, Progress::Transfer& transfer);
  void send_chunk(NodeId to, Progress::Transfer& transfer, SharedBytes data);
  void send_chunks_again();
  void receive(NodeId from, const InstallSnapshotResponse& response);
  void receive(NodeId from, InstallSnapshot& request);
  void refuse(NodeId from, const InstallSnapshot& request);
  bool holds(EntryId entry) const;
  bool takes(const InstallSnapshot& request);
  void store(InstallSnapshot& request);
  void answer_chunk(std::uint64_t offset);
  void install(EntryId last_included);
  void restart_log(EntryId base);

  // reads.cpp
  void on(Read event);
  void receive(NodeId from, const ReadIndexRequest& request);
  void receive(NodeId from, const ReadIndexResponse& response);
  void refuse(NodeId from, const ReadIndexRequest& request);
  void wait_for_round(PendingRead read);
  void begin_read_round();
  void confirm_reads();
  void serve(const PendingRead& read);
  void request_read_index(Follower& follower);
  void resend_reads(Follower& follower);
  void fail_reads();

  Config config_;
  HardState hard_state_;
  HardState saved_hard_state_;  // on stable storage
  Log log_;
  LogIndex commit_index_;
  LogIndex written_;  // the log's entries up to here are in the kernel
  LogIndex synced_;   // and up to here on stable storage; synced_ <= written_ <= last_index()
  LogIndex durable_;
  std::deque<Write> writes_;  // ids without a gap
  WriteId last_write_;
  ReadId last_read_request_;   // starts at random: an answer to an earlier life of this node is not taken for a new one
  std::set<NodeId> fetching_;  // peers for which a Fetch is outstanding
  EntryId snapshot_;
  std::set<NodeId> reading_;  // peers for which a ReadSnapshot is outstanding
  std::optional<Incoming> incoming_;
  std::variant<Follower, PreCandidate, Candidate, Leader> role_;

  // Of the running step
  TimePoint now_;
  std::uint64_t random_ = 0;
  Output out_;
  std::vector<Outgoing> messages_;
  Leadership reported_;  // newest in an Output
};

}  // namespace strata::raft
