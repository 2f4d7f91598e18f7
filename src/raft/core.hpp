// The consensus core: Raft as a pure function of its inputs (design, section 2). No clock, no random source, no thread,
// no file, no socket: an event goes in with the time it happened and a random number, one Output comes out.
//
// The driver's duty, in the order of Output's fields:
//   1. `hard_state` and `record`: save and sync them, then report HardStateSaved and Recorded. Where both are there,
//   one
//      must not be saved without the other. In order with 2, by the same disk queue.
//   2. `repair` and `append`: write the entries to the log, in order; report Persisted{id, written}, and after a sync
//      Persisted{id, synced} (one report may stand for all earlier ids as well).
//   3. `send`: send at once; losing, delaying, duplicating and reordering is allowed.
//   4. `send_after_hard_state`: send when the newest hard state handed out so far (in this Output or an earlier one) is
//      synced, not before (Figure 2: "updated on stable storage before responding to RPCs").
//   5. `install`: the state machine becomes that of the snapshot, and the log begins anew behind it (in order with 2
//      and with `committed`).
//   6. `committed`: apply, in order.
//   7. the rest: answers to proposals and reads, entries and snapshots to be read or stored, and when to wake the core
//      by TimePassed.
// The message's `from` is the driver's to vouch for, and so is the start that sent it (design, section 6, rules 4 and
// 6): what is of another start of a member than the one that was recorded must not reach the core (wire/peer_gate.hpp).
// Introduce and Introduced must, whichever sent them.
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
#include "base/membership.hpp"
#include "base/time.hpp"
#include "raft/config.hpp"
#include "raft/event.hpp"
#include "raft/log.hpp"
#include "raft/messages.hpp"
#include "raft/output.hpp"
#include "raft/progress.hpp"
#include "raft/roles.hpp"

namespace strata::raft {

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
  LogIndex written() const { return std::min(written_, whole()); }
  LogIndex synced() const { return std::min(synced_, whole()); }
  // Nothing that this node had at its start is missing any more, in memory at least.
  bool is_damaged() const { return !log_.holes().empty() || end_unknown_; }
  // Index known to be synced on a majority; 0 after a start. It rises on a leader, and on a follower with what the
  // leader tells.
  LogIndex durable() const { return durable_; }
  const Log& log() const { return log_; }
  Standing standing() const { return standing_; }
  Admission admission() const { return admission_; }
  // It takes no part: it is not admitted yet, or was turned away. Then it sends nothing but introductions.
  bool is_silent() const { return admission_ != Admission::member || turned_away_; }
  // The other members without whom a node that is not admitted will not be.
  std::vector<NodeId> waits_for() const;
  std::vector<KnownMember> known_members() const;
  // What the newest snapshot holds; {0, 0}: there is none.
  EntryId snapshot() const { return snapshot_; }
  const Leader* leading() const { return std::get_if<Leader>(&role_); }
  DiskState disk_state() const;

 private:
  friend struct CoreEncoding;  // test/exhaustive: compares cores by all that decides what they will do

  // An Output::append, or a repair, that is not reported as synced yet.
  struct Write {
    WriteId id;
    LogIndex last;    // its last entry that has not been overridden since; of a repair, that of the write before
    TimePoint since;  // when it was handed out
  };
  struct Repair {
    WriteId id;
    LogIndex first;
  };

  // Another member, as far as its directory and this node's go.
  struct Neighbour {
    KnownMember known;
    RecordId in_record;             // the first record that holds known.start
    bool knows_us = false;          // it has recorded this start, and has not lost that since
    bool has_known_us = false;      // at some time
    std::optional<Term> told;       // the highest term that it has told this start
    std::uint64_t knows_us_by = 0;  // a directory that this one is to replace

    bool is_recorded(RecordId saved) const { return known.start.directory != 0 && in_record <= saved; }
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
  void dispatch(NodeId from, Introduce& introduce) { receive(from, introduce); }
  void dispatch(NodeId from, Introduced& answer) { receive(from, answer); }
  bool is_peer(NodeId node) const;
  TimePoint& election_due();
  LogIndex acknowledged_mark() const { return config_.ack == Durability::synced ? synced() : written(); }
  void set_hard_state(HardState state);
  void adopt_term(Term term);
  void append(std::vector<Entry> entries);
  void truncate_after(LogIndex last);
  void commit_to(LogIndex index);
  void send(NodeId to, Message message) { messages_.push_back({to, std::move(message)}); }
  Leadership leadership() const;
  TimePoint wake_at();
  TimePoint role_due();
  Output finish();

  // election.cpp
  TimePoint draw_election_due();
  void election_timed_out();
  void start_election(bool leadership_transfer = false);
  void count_vote(NodeId voter, bool flagged);
  void lead_if_elected();
  bool up_to_date(LogIndex last_log_index, Term last_log_term) const;
  void receive(NodeId from, const RequestVote& request);
  void receive(NodeId from, const RequestVoteResponse& response);
  void refuse(NodeId from, const RequestVote& request);

  // pre_vote.cpp
  void start_pre_vote();
  void ask_for_pre_votes();
  void count_pre_vote(NodeId voter, bool flagged);
  void stop_asking();
  bool leader_lives() const;
  bool disturbs(const RequestVote& request) const;
  void receive(NodeId from, const PreVote& request);
  void receive(NodeId from, const PreVoteResponse& response);

  // transfer.cpp
  void on(const TransferLeadership& event);
  NodeId best_successor() const;
  Round heard_lately() const;
  void hand_over();
  void give_up_transfer();
  void receive(NodeId from, const TimeoutNow& order);
  void refuse(NodeId, const TimeoutNow&) {}  // of a term that is over, and so is its sender's leadership

  // disk.cpp
  void on(SyncBegun event);
  void on(DiskSpace event);
  void on(DiskFailed);
  void disk_moved(Persisted event);
  const Write* first_unwritten() const;
  std::optional<TimePoint> disk_owes_since() const;
  bool disk_stalled() const;
  LogIndex disk_waits_at() const;
  LogIndex acknowledged(const Progress& progress) const;
  bool has_moved_on(const Progress& progress) const;
  bool majority_moved_on() const;
  bool has_room() const;
  void give_way_for_disk();

  // recovery.cpp
  bool may_vote();
  bool abstention_is_over();
  void note_leader_last(const AppendEntries& request);
  void check_caught_up();
  void become_sound();

  // introduction.cpp
  void meet(const std::vector<KnownMember>& known);
  void introduce_to(NodeId to, const Neighbour& neighbour);
  void introduce_again();
  TimePoint introductions_due() const;
  void on(Recorded event);
  void receive(NodeId from, const Introduce& introduce);
  void receive(NodeId from, const Introduced& answer);
  void recorded_by(Neighbour& neighbour, const Introduced& answer);
  void known_by_other_directory(NodeId by, Neighbour& neighbour, const Introduced& answer);
  void remember(NodeId node, Neighbour& neighbour, const Introduce& introduce);
  void lost_directory(NodeId node, Neighbour& neighbour);
  void answer_introduction(NodeId to, const Start& start, Verdict verdict);
  bool is_of_other_start(const Received& event) const;
  void note_term(NodeId from, Term term);
  void record();
  bool holds_up(const Neighbour& neighbour) const;
  void join_when_known();
  void turn_away(const TurnedAway& by);

  // repair.cpp
  LogIndex whole() const;
  bool may_campaign() const;
  void fill_holes(const std::vector<Entry>& entries);
  LogIndex known_to_match(const std::vector<Entry>& entries) const;
  void note_repaired(WriteId up_to);
  void skip_missing(EntryId snapshot);
  void ask_for_missing(AppendEntriesResponse& response) const;
  void send_missing(NodeId to, Progress& progress, const AppendEntriesResponse& response);
  void send_repair(NodeId to, Progress& progress, std::vector<Entry> entries);
  Incarnation recovering_as() const { return standing_ == Standing::sound ? Incarnation() : incarnation_; }

  // check_quorum.cpp
  bool answered_by_majority(Round round) const;
  void note_beat();
  void note_contact();
  TimePoint quorum_due() const;
  bool quorum_lost() const;
  void step_down();

  // follower.cpp
  bool is_outdated(Round round) const;
  bool follow(NodeId leader, Round round);
  void receive(NodeId from, AppendEntries& request);
  void drop_compacted(AppendEntries& request) const;
  void refuse(NodeId from, const AppendEntries& request);
  void reject(NodeId from, const AppendEntries& request);
  void take_entries(std::vector<Entry>& entries);
  void answer(Follower& follower, Round round);
  void answer_persisted(Follower& follower);

  // leader.cpp
  void become_leader(bool with_flagged_votes);
  void on(const Propose& event);
  void on(Fetched event);
  std::vector<Entry> encode(const std::vector<Bytes>& payloads, std::size_t bytes) const;
  void begin_round(Round round);
  void beat();
  void replicate(NodeId to, Progress& progress);
  void replicate_to_all();
  void send_entries(NodeId to, Progress& progress, std::vector<Entry> entries);
  void answer_recovering(const Progress& progress, AppendEntries& request) const;
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
  // The log's entries up to here are in the kernel, and on stable storage, but for what is missing:
  // synced_ <= written_ <= last_index().
  LogIndex written_;
  LogIndex synced_;
  LogIndex durable_;
  std::deque<Write> writes_;  // ids without a gap
  WriteId last_write_;
  std::vector<Repair> repairs_;  // those of `writes_` that fill holes, and are not synced
  bool end_unknown_;             // Restored; until the node is sound
  ReadId last_read_request_;   // starts at random: an answer to an earlier life of this node is not taken for a new one
  std::set<NodeId> fetching_;  // peers for which a Fetch is outstanding
  EntryId snapshot_;
  std::set<NodeId> reading_;  // peers for which a ReadSnapshot is outstanding
  std::optional<Incoming> incoming_;
  Standing standing_;
  Incarnation incarnation_;
  Start start_;
  std::vector<std::uint64_t> earlier_nonces_;
  Admission admission_;
  std::map<NodeId, Neighbour> neighbours_;  // empty when nobody introduces himself
  RecordId last_record_;
  RecordId saved_record_;
  bool terms_to_record_ = false;  // some of neighbours_ are higher than in the last record
  TimePoint introductions_due_;
  bool turned_away_ = false;
  TimePoint abstains_until_;
  DiskWatch disk_;
  // The last index of the current term's leader, as it told this life of the node; nothing: not yet, or the node is
  // sound.
  std::optional<LogIndex> leader_last_;
  std::variant<Follower, PreCandidate, Candidate, Leader> role_;

  // Of the running step
  TimePoint now_;
  std::uint64_t random_ = 0;
  Output out_;
  std::vector<Outgoing> messages_;
  Leadership reported_;  // newest in an Output
};

}  // namespace strata::raft
