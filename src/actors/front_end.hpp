// The client front end: admits requests, sends them on their way, owns the state machine, applies what is committed,
// and answers each request exactly once.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/at_risk.hpp"
#include "actors/durable_answers.hpp"
#include "actors/messages.hpp"
#include "actors/outbox.hpp"
#include "actors/ports.hpp"
#include "actors/read_path.hpp"
#include "actors/set_path.hpp"
#include "actors/status.hpp"
#include "kv/state_machine.hpp"

namespace strata::actors {

struct FrontEndOptions {
  NodeId self;
  std::uint64_t nonce = 1;  // random, of this start
  std::string version;
  std::vector<Member> members;  // this node included, with its own client endpoints
  Durability ack = Durability::synced;
  Duration fsync_interval{};
  std::size_t max_pending = 64 << 20;                  // bytes of requests not yet answered
  std::uint32_t max_sessions = 100'000;                // exactly-once sessions kept, if this node leads; at least 1
  Duration request_timeout = std::chrono::seconds(5);  // every request is answered within this
  Duration leader_wait = std::chrono::seconds(2);      // how long a request waits for a leader
  std::size_t snapshot_log_size = 256 << 20;   // bytes of log kept for the two newest snapshots; 0: none is taken
  std::size_t snapshot_piece_size = 64 << 10;  // of a snapshot that is captured; no handler encodes much more
  std::size_t bytes_between_snapshots = 0;     // of log that the newest snapshot has replaced, and not the one before
  std::size_t replayed_bytes = 0;              // of log behind the newest snapshot, applied at the start
  Term applied_term;                           // of the last entry that was applied
};

class FrontEnd {
 public:
  FrontEnd(FrontEndOptions options, kv::StateMachine state, FrontEndMailbox& mailbox, RaftMailbox& raft,
           SnapshotMailbox& snapshots, Clock& clock, PeerTransport& peers, ClientReplies& clients);

  // Ends after a Finish, when everything has been answered; it then closes its mailbox.
  boost::asio::awaitable<void> run();

  const kv::StateMachine& state() const { return state_; }
  std::size_t pending_bytes() const { return outbox_.pending_bytes(); }
  std::size_t max_pending() const { return options_.max_pending; }
  // Of what was applied here, by now.
  AtRisk::Amount at_risk() const { return at_risk_.amount(clock_.now()); }

 private:
  void on(ClientRequests& batch);
  void on(const ReplyBacklog& backlog);
  void on(ForwardedFrom& forwarded);
  void on(ForwardAnswersFrom& answers);
  void on(HelloFrom& hello);
  void on(const Committed& committed);
  void on(const DurableUpTo& durable);
  void on(InstallState& install);
  void on(const PieceStored& stored);
  void on(const NextPiece& next);
  void on(const CaptureFailed& failed);
  void on(const SnapshotWanted& wanted);
  void on(const raft::ProposalsAppended& appended);
  void on(const raft::ProposalsRefused& refused);
  void on(const ReadsReady& ready);
  void on(const ReadsFailed& failed);
  void on(const raft::Leadership& leadership);
  void on(const RaftStatus& status);
  void on(const SetFsyncInterval& change);
  void on(const Tick& tick);
  void on(const Finish& finish);

  void handle(Admitted request, wire::SetRequest& set);
  void handle(Admitted request, wire::GetRequest& get);
  void handle(Admitted request, const wire::StatusRequest& status);
  void handle(Admitted request, const wire::PingRequest& ping);
  void now_durable(LogIndex up_to);
  bool idle() const { return sets_.idle() && reads_.idle() && durable_.idle() && status_asked_.empty(); }
  void begin_snapshot_if_due();
  void capture_piece(bool first);
  Duration rest_after(Duration piece) const;
  void end_batch();
  void finish_if_done();

  FrontEndOptions options_;
  kv::StateMachine state_;
  FrontEndMailbox& mailbox_;
  RaftMailbox& raft_;
  SnapshotMailbox& snapshots_;
  Clock& clock_;
  Outbox outbox_;
  DurableAnswers durable_;
  AtRisk at_risk_;
  SetPath sets_;
  ReadPath reads_;
  struct StatusAsked {
    Admitted request;
    TimePoint deadline;
  };
  std::map<std::uint64_t, StatusAsked> status_asked_;
  std::uint64_t last_status_ = 0;
  std::unique_ptr<Alarm> alarm_;
  bool ticking_ = false;
  TimePoint started_;
  TimePoint now_;
  std::optional<TimePoint> finish_by_;
  Term applied_term_;
  std::size_t log_bytes_ = 0;          // applied since the last snapshot began
  std::size_t between_snapshots_ = 0;  // applied between that one and the one before
  EntryId captured_;                   // what is being captured reaches up to here
  std::size_t captured_bytes_ = 0;     // of it so far
  bool piece_out_ = false;             // the keeper has a piece that it has not stored yet
  bool snapshot_wanted_ = false;       // in the place of one that cannot be read
  TimePoint piece_begun_;              // when that one, or the last, began to be encoded
  std::unique_ptr<Alarm> piece_alarm_;
};

}  // namespace strata::actors
