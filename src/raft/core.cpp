#include "raft/core.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"

namespace strata::raft {

static void check(const Config& config) {
  STRATA_ASSERT(std::ranges::is_sorted(config.members, std::ranges::less_equal()));
  STRATA_ASSERT(std::ranges::binary_search(config.members, config.self));
  STRATA_ASSERT(config.members.front() != NodeId(0));
  STRATA_ASSERT(config.election_timeout > Duration::zero() && config.heartbeat_interval > Duration::zero());
  STRATA_ASSERT(config.window_bytes > 0 && config.window_messages > 0);
}

Core::Core(Config config, Restored restored, TimePoint now, std::uint64_t random)
    : config_(std::move(config)),
      hard_state_(restored.hard_state),
      saved_hard_state_(restored.hard_state),
      log_(restored.base, std::move(restored.term_runs), restored.last_index, std::move(restored.tail),
           std::move(restored.holes)),
      commit_index_(restored.commit_index),
      written_(restored.last_index),
      synced_(restored.last_index),
      end_unknown_(restored.end_unknown),
      last_read_request_(random >> 1),
      snapshot_(restored.snapshot),
      standing_(restored.standing),
      incarnation_(restored.incarnation),
      start_{restored.directory, restored.incarnation, restored.nonce},
      earlier_nonces_(std::move(restored.earlier_nonces)),
      admission_(restored.admission),
      introductions_due_(now),
      abstains_until_(now + config_.abstention),
      now_(now),
      random_(random) {
  check(config_);
  STRATA_ASSERT(standing_ == Standing::sound || incarnation_ > Incarnation());
  STRATA_ASSERT(standing_ == Standing::recovering || (!is_damaged() && admission_ != Admission::rejoining));
  STRATA_ASSERT(start_.directory != 0 || admission_ == Admission::member);
  if (standing_ == Standing::abstaining && config_.members.size() == 1) {
    standing_ = Standing::sound;  // there is nobody who could come first
  }
  STRATA_ASSERT(commit_index_ <= log_.last_index() && snapshot_.index <= commit_index_);
  STRATA_ASSERT(log_.matches(snapshot_.index, snapshot_.term));
  STRATA_ASSERT(log_.first_cached() == commit_index_.next());
  STRATA_ASSERT(log_.last_term() <= hard_state_.term);
  std::get<Follower>(role_).election_due = draw_election_due();
  meet(restored.members);
}

Output Core::step(Event event, TimePoint now, std::uint64_t random) {
  STRATA_ASSERT(now >= now_);
  now_ = now;
  random_ = random;
  std::visit([this](auto& happened) { on(std::move(happened)); }, event);
  return finish();
}

void Core::on(TimePassed) {
  introduce_again();
  if (is_silent()) {
    return;
  }
  if (auto* leader = std::get_if<Leader>(&role_)) {
    if (quorum_lost()) {
      sometimes(Mark::leader_without_majority);
      step_down();
      return;
    }
    if (leader->transfer && now_ >= leader->transfer->due) {
      sometimes(Mark::transfer_out_of_time);
      give_up_transfer();
      if (!leading()) {
        return;
      }
    }
    give_way_for_disk();
    if (now_ >= leader->heartbeat_due) {
      beat();
      replicate_to_all();
      send_chunks_again();
    }
    return;
  }
  if (now_ >= election_due()) {
    election_timed_out();
  } else if (auto* follower = std::get_if<Follower>(&role_)) {
    resend_reads(*follower);
  } else if (std::holds_alternative<PreCandidate>(role_)) {
    ask_for_pre_votes();
  }
}

void Core::on(Received event) {
  const bool introduces =
      std::holds_alternative<Introduce>(event.message) || std::holds_alternative<Introduced>(event.message);
  if (!is_peer(event.from) || (is_silent() && !introduces)) {
    return;
  }
  if (!introduces && is_of_other_start(event)) {
    return;
  }
  const auto take = [&](auto& message) {
    if (!introduces) {
      note_term(event.from, message.term);
    }
    dispatch(event.from, message);
  };
  std::visit(take, event.message);
}

template <class Message>
constexpr bool is_response =
    std::is_same_v<Message, RequestVoteResponse> || std::is_same_v<Message, AppendEntriesResponse> ||
    std::is_same_v<Message, ReadIndexResponse> || std::is_same_v<Message, InstallSnapshotResponse>;

// Section 5.1: a server with a smaller term updates to the larger; a request with a stale term is rejected; what
// answers a request of an earlier term is of no use any more.
template <class M>
void Core::dispatch(NodeId from, M& message) {
  if constexpr (std::is_same_v<M, RequestVote>) {
    if (disturbs(message)) {
      sometimes(Mark::vote_refused_for_leader);
      refuse(from, message);
      return;
    }
  }
  if (message.term > hard_state_.term) {
    adopt_term(message.term);
  }
  if (message.term == hard_state_.term) {
    receive(from, message);
  } else if constexpr (!is_response<M>) {
    sometimes(Mark::old_request_refused);
    refuse(from, message);
  }
}

// The answer to a question about a later term may come from one whose term is behind.
void Core::dispatch(NodeId from, PreVoteResponse& response) {
  if (response.term > hard_state_.term) {
    adopt_term(response.term);
  }
  receive(from, response);
}

// Of any role but the leader's.
TimePoint& Core::election_due() {
  if (auto* follower = std::get_if<Follower>(&role_)) {
    return follower->election_due;
  }
  auto* asking = std::get_if<PreCandidate>(&role_);
  return asking ? asking->follower.election_due : std::get<Candidate>(role_).election_due;
}

bool Core::is_peer(NodeId node) const {
  return node != config_.self && std::ranges::binary_search(config_.members, node);
}

void Core::on(Persisted event) {
  STRATA_ASSERT(event.id <= last_write_);
  disk_moved(event);
  if (writes_.empty() || event.id < writes_.front().id) {
    return;  // said before
  }
  const auto place = static_cast<std::ptrdiff_t>(event.id.value - writes_.front().id.value);
  const auto write = writes_.begin() + place;
  const LogIndex synced_before = synced();
  const LogIndex written_before = written();
  written_ = std::max(written_, write->last);
  if (event.level == Durability::synced) {
    synced_ = std::max(synced_, write->last);
    writes_.erase(writes_.begin(), write + 1);
    note_repaired(event.id);
  }
  lead_if_elected();
  if (std::holds_alternative<Leader>(role_)) {
    advance_commit();
  } else if (auto* follower = std::get_if<Follower>(&role_)) {
    const bool news = synced() > synced_before || (config_.ack == Durability::written && written() > written_before);
    if (news) {
      check_caught_up();
      answer_persisted(*follower);
    }
  }
}

void Core::on(HardStateSaved event) {
  STRATA_ASSERT(event.hard_state.term <= hard_state_.term);
  disk_.moved = now_;
  if (event.hard_state != hard_state_) {
    return;  // an older one; only the newest lets anything happen
  }
  saved_hard_state_ = hard_state_;
  if (std::holds_alternative<Candidate>(role_)) {
    count_vote(config_.self, standing_ == Standing::recovering);
  }
}

void Core::set_hard_state(HardState state) {
  if (hard_state_ == saved_hard_state_) {
    disk_.hard_state_since = now_;
  }
  hard_state_ = state;
  out_.hard_state = state;
  if (terms_to_record_) {
    record();
  }
}

// A term that was not known: the node follows, though it does not know yet whom.
void Core::adopt_term(Term term) {
  set_hard_state({term, NodeId(0)});
  leader_last_.reset();
  fail_reads();
  // The election timer runs on (Figure 2 names all that resets it); a leader had none.
  Follower follower;
  if (leading()) {
    sometimes(Mark::leader_steps_down);
  }
  follower.election_due = leading() ? draw_election_due() : election_due();
  role_ = std::move(follower);
}

void Core::append(std::vector<Entry> entries) {
  STRATA_ASSERT(!out_.append && !entries.empty());
  for (const Entry& entry : entries) {
    log_.append(entry);
  }
  last_write_ = last_write_.next();
  writes_.push_back({last_write_, log_.last_index(), now_});
  out_.append = Append{last_write_, std::move(entries), standing_ != Standing::sound};
}

void Core::truncate_after(LogIndex last) {
  STRATA_ASSERT(last >= commit_index_);
  log_.truncate_after(last);
  written_ = std::min(written_, last);
  synced_ = std::min(synced_, last);
  std::erase_if(repairs_, [last](const Repair& repair) { return repair.first > last; });
  // What was overridden must not count when its write is reported, though other entries may stand there by then.
  for (auto write = writes_.rbegin(); write != writes_.rend() && write->last > last; ++write) {
    sometimes(Mark::write_overridden_before_report);
    write->last = last;
  }
}

void Core::commit_to(LogIndex index) {
  if (!log_.holes().empty()) {
    index = std::min(index, log_.holes().front().first - 1);
  }
  if (index <= commit_index_) {
    return;
  }
  STRATA_ASSERT(out_.committed.empty());
  out_.committed = log_.slice(commit_index_.next(), index, std::numeric_limits<std::size_t>::max());
  commit_index_ = index;
  if (auto* leader = std::get_if<Leader>(&role_)) {
    for (const Entry& entry : out_.committed) {
      leader->uncommitted_bytes -= entry.body.size();
    }
  }
  // What is not in the own log's file cannot be fetched from it.
  log_.evict(std::min(commit_index_, written()), config_.cache_bytes);
}

Role Core::role() const {
  constexpr Role roles[] = {Role::follower, Role::pre_candidate, Role::candidate, Role::leader};
  return roles[role_.index()];
}

NodeId Core::leader() const {
  if (const auto* follower = std::get_if<Follower>(&role_)) {
    return follower->leader;
  }
  return leading() ? config_.self : NodeId(0);
}

Leadership Core::leadership() const {
  const bool ready = leading() ? commit_index_ >= leading()->term_start && !leading()->transfer : leader() != NodeId(0);
  return {role(), hard_state_.term, leader(), ready, standing_ == Standing::recovering || is_silent()};
}

Output Core::finish() {
  hand_over();
  if (out_.record) {
    out_.record->members = known_members();
    out_.record->admission = admission_;
  }
  Output out = std::exchange(out_, Output());
  // No message may tell of a term or a vote that could still be forgotten.
  auto& outgoing = hard_state_ == saved_hard_state_ ? out.send : out.send_after_hard_state;
  outgoing = std::exchange(messages_, {});
  if (const Leadership current = leadership(); current != reported_) {
    out.leadership = reported_ = current;
  }
  out.wake_at = wake_at();
  return out;
}

TimePoint Core::wake_at() {
  return std::min(introductions_due(), is_silent() ? now_ + config_.election_timeout : role_due());
}

TimePoint Core::role_due() {
  if (leading()) {
    const TimePoint due = std::min(leading()->heartbeat_due, quorum_due());
    return leading()->transfer ? std::min(due, leading()->transfer->due) : due;
  }
  if (const auto* follower = std::get_if<Follower>(&role_); follower && !follower->reads.empty()) {
    return std::min(election_due(), follower->reads_due);
  }
  const auto* asking = std::get_if<PreCandidate>(&role_);
  return asking ? std::min(election_due(), asking->ask_again) : election_due();
}

}  // namespace strata::raft
