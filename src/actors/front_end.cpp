#include "actors/front_end.hpp"

#include <algorithm>
#include <utility>

#include "base/sometimes.hpp"

namespace strata::actors {

namespace {

// How finely deadlines are looked at, while anything is pending.
constexpr Duration tick_interval = std::chrono::milliseconds(20);
// A deadline lies so much before the time is out: a tick, and something for a busy thread and the way.
constexpr Duration margin = std::chrono::milliseconds(30);
// A snapshot leaves processor and disk to the requests for so many times as long as each of its pieces took, encoded
// and stored: it takes a quarter of what they give, and less when they are busy.
constexpr int rest_share = 3;
constexpr Duration longest_rest = std::chrono::milliseconds(20);
constexpr std::string_view busy_text = "the node has as many requests pending as --max-pending allows; try again later";
constexpr std::string_view stopping_text = "this node is shutting down; ask another";

}  // namespace

FrontEnd::FrontEnd(FrontEndOptions options, kv::StateMachine state, FrontEndMailbox& mailbox, RaftMailbox& raft,
                   SnapshotMailbox& snapshots, Clock& clock, PeerTransport& peers, ClientReplies& clients)
    : options_(std::move(options)),
      state_(std::move(state)),
      mailbox_(mailbox),
      raft_(raft),
      snapshots_(snapshots),
      clock_(clock),
      outbox_(options_.max_pending, peers, clients),
      durable_(outbox_),
      sets_(options_.self, options_.nonce, options_.max_sessions, outbox_, durable_, raft),
      reads_(state_, outbox_, durable_, raft),
      started_(clock.now()),
      now_(started_),
      applied_term_(options_.applied_term),
      log_bytes_(options_.replayed_bytes),
      between_snapshots_(options_.bytes_between_snapshots) {}

boost::asio::awaitable<void> FrontEnd::run() {
  alarm_ = clock_.make_alarm([this] { mailbox_.post_owed(Tick(), 0); });
  piece_alarm_ = clock_.make_alarm([this] { mailbox_.post_owed(NextPiece(), 0); });
  for (;;) {
    auto batch = co_await mailbox_.receive();
    if (batch.empty()) {
      break;
    }
    now_ = clock_.now();
    for (FrontEndMessage& message : batch) {
      std::visit([this](auto& content) { on(content); }, message);
    }
    end_batch();
  }
  piece_alarm_.reset();
  alarm_.reset();
}

void FrontEnd::end_batch() {
  sets_.flush();
  reads_.flush();
  finish_if_done();
  outbox_.flush();
  if (!ticking_ && !idle()) {
    ticking_ = true;
    alarm_->set(now_ + tick_interval);
  }
}

void FrontEnd::on(ClientRequests& batch) {
  for (wire::ClientRequest& request : batch.requests) {
    const std::size_t bytes = wire::size_of(request);
    if (!outbox_.admit(bytes)) {
      outbox_.refuse(std::move(request.from), wire::ErrorCode::busy, busy_text);
      continue;
    }
    std::visit([&](auto& body) { handle({std::move(request.from), bytes}, body); }, request.body);
  }
}

void FrontEnd::on(ForwardedFrom& forwarded) {
  for (wire::ForwardedSet& set : forwarded.sets.sets) {
    const PeerOrigin origin{forwarded.from, set.id};
    const std::size_t bytes = sizeof set + set.request.key.size() + set.request.value.size();
    if (outbox_.admit(bytes)) {
      handle({origin, bytes}, set.request);
    } else {
      outbox_.refuse(origin, wire::ErrorCode::busy, busy_text);
    }
  }
}

void FrontEnd::handle(Admitted request, wire::SetRequest& set) {
  sets_.take(std::move(request), std::move(set), now_ + options_.leader_wait, now_ + options_.request_timeout - margin);
}

void FrontEnd::handle(Admitted request, wire::GetRequest& get) {
  reads_.take(std::move(request), std::move(get), now_ + options_.leader_wait,
              now_ + options_.request_timeout - margin);
}

void FrontEnd::handle(Admitted request, const wire::StatusRequest&) {
  if (finish_by_) {
    outbox_.error(request, wire::ErrorCode::unavailable, stopping_text);
    return;
  }
  const StatusWanted wanted{++last_status_};
  if (raft_.post(wanted, sizeof wanted) == PostResult::accepted) {
    status_asked_.emplace(wanted.request, StatusAsked{std::move(request), now_ + options_.request_timeout - margin});
  } else {
    outbox_.error(request, wire::ErrorCode::busy, "Raft's mailbox is full; try again later");
  }
}

void FrontEnd::handle(Admitted request, const wire::PingRequest&) {
  outbox_.reply(request, wire::PingReply());
}

void FrontEnd::on(const ReplyBacklog& backlog) {
  outbox_.set_backlog(backlog.bytes);
}

void FrontEnd::on(ForwardAnswersFrom& answers) {
  sets_.on(answers);
}

void FrontEnd::on(HelloFrom& hello) {
  for (Member& member : options_.members) {
    if (member.id == hello.from) {
      member.client_endpoints = std::move(hello.hello.client_endpoints);
    }
  }
}

void FrontEnd::on(const Committed& committed) {
  now_durable(committed.durable);
  for (const Entry& entry : committed.entries) {
    if (!durable_.covers(entry.index)) {
      at_risk_.applied(entry.index, entry.body.size(), now_);
    }
    sets_.applied(entry, state_.apply(entry));
    log_bytes_ += entry.body.size();
    applied_term_ = entry.term;
  }
  reads_.applied();
  begin_snapshot_if_due();
}

void FrontEnd::now_durable(LogIndex up_to) {
  durable_.rise(up_to);
  at_risk_.durable(up_to);
}

void FrontEnd::on(const DurableUpTo& durable) {
  now_durable(durable.index);
}

void FrontEnd::on(InstallState& install) {
  std::swap(state_, *install.state);
  applied_term_ = install.term;
  log_bytes_ = between_snapshots_ = 0;
  snapshots_.post_owed(Discard{std::move(install.state)}, 0);
  reads_.applied();
}

// Half of what is to be kept at most: the log goes when it is behind two snapshots. When much was applied at once, what
// lies between the two is too much by itself, and the next entry is enough.
void FrontEnd::begin_snapshot_if_due() {
  const std::size_t bound = options_.snapshot_log_size;
  const bool has_grown = log_bytes_ >= bound / 2 || (log_bytes_ > 0 && between_snapshots_ + log_bytes_ > bound);
  const bool due = snapshot_wanted_ || (bound > 0 && has_grown);
  if (!due || state_.capture() || piece_out_ || finish_by_) {
    return;
  }
  snapshot_wanted_ = false;
  between_snapshots_ = std::exchange(log_bytes_, 0);
  captured_bytes_ = 0;
  captured_ = {state_.applied(), applied_term_};
  state_.begin_capture();
  capture_piece(true);
}

void FrontEnd::capture_piece(bool first) {
  piece_begun_ = clock_.now();
  CapturedPiece piece{captured_, state_.capture_next(options_.snapshot_piece_size), first, false};
  piece.last = state_.capture()->ended();
  if (piece.last) {
    state_.end_capture();
  }
  const std::size_t bytes = piece.content.size();
  captured_bytes_ += bytes;
  piece_out_ = snapshots_.post_owed(std::move(piece), bytes) == PostResult::accepted;
}

void FrontEnd::on(const PieceStored&) {
  piece_out_ = false;
  if (state_.capture()) {
    piece_alarm_->set(now_ + rest_after(now_ - piece_begun_));
  } else {
    begin_snapshot_if_due();
  }
}

// None when the log grows faster than the snapshot that is to take its place, and is longer than it should be.
Duration FrontEnd::rest_after(Duration piece) const {
  const bool overtaken = log_bytes_ > std::max(options_.snapshot_log_size, captured_bytes_);
  return overtaken ? Duration::zero() : std::min(rest_share * piece, longest_rest);
}

void FrontEnd::on(const NextPiece&) {
  if (state_.capture() && !piece_out_) {
    sometimes(Mark::capture_goes_on);
    capture_piece(false);
  }
}

void FrontEnd::on(const CaptureFailed&) {
  piece_out_ = false;
  between_snapshots_ = 0;  // the disk has no room: not to be tried again with the next entry
  state_.end_capture();
}

void FrontEnd::on(const SnapshotWanted&) {
  snapshot_wanted_ = true;
  begin_snapshot_if_due();
}

void FrontEnd::on(const raft::ProposalsAppended& appended) {
  sets_.on(appended);
}

void FrontEnd::on(const raft::ProposalsRefused& refused) {
  sets_.on(refused);
}

void FrontEnd::on(const ReadsReady& ready) {
  reads_.on(ready);
}

void FrontEnd::on(const ReadsFailed& failed) {
  reads_.on(failed);
}

void FrontEnd::on(const raft::Leadership& leadership) {
  sets_.on(leadership);
  reads_.on(leadership);
}

void FrontEnd::on(const RaftStatus& status) {
  auto asked = status_asked_.extract(status.request);
  if (!asked) {
    return;
  }
  const NodeFacts facts{options_.self,           options_.version,      options_.members, options_.ack,
                        options_.fsync_interval, now_ - started_,       state_.applied(), state_.dictionary().size(),
                        state_.generation(),     at_risk_.amount(now_), outbox_.traffic()};
  outbox_.reply(asked.mapped().request, wire::StatusReply{status_json(facts, status)});
}

void FrontEnd::on(const SetFsyncInterval& change) {
  options_.fsync_interval = change.interval;
}

void FrontEnd::on(const Tick&) {
  ticking_ = false;
  sets_.expire(now_);
  reads_.expire(now_);
  durable_.expire(now_);
  std::erase_if(status_asked_, [&](const auto& asked) {
    const bool expired = asked.second.deadline <= now_;
    if (expired) {
      outbox_.error(asked.second.request, wire::ErrorCode::unavailable, "Raft did not answer in time");
    }
    return expired;
  });
}

void FrontEnd::on(const Finish& finish) {
  finish_by_ = now_ + finish.patience;
  sets_.refuse_new();
  reads_.refuse_all();
}

void FrontEnd::finish_if_done() {
  if (!finish_by_ || (!idle() && now_ < *finish_by_)) {
    return;
  }
  if (!idle()) {
    sometimes(Mark::stopped_with_requests);
  }
  sets_.give_up();
  durable_.give_up();
  for (const auto& [id, asked] : std::exchange(status_asked_, {})) {
    outbox_.error(asked.request, wire::ErrorCode::unavailable, stopping_text);
  }
  mailbox_.close();
}

}  // namespace strata::actors
