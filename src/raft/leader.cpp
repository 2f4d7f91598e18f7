// The leader's side of replication: Figure 2, rules for leaders; sections 5.3 and 5.4.2.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"
#include "raft/quorum.hpp"

namespace strata::raft {

void Core::become_leader(bool with_flagged_votes) {
  const LogIndex last = log_.last_index();
  Leader leader;
  for (const NodeId member : config_.members) {
    if (member != config_.self) {
      leader.followers.emplace(member, Progress(last.next()));
    }
  }
  for (LogIndex index = commit_index_.next(); index <= last; index = index.next()) {
    leader.uncommitted_bytes += log_.entry(index).body.size();
  }
  leader.term_start = last.next();
  const EntryType type = with_flagged_votes ? EntryType::new_generation : EntryType::no_op;
  const Entry no_op = make_entry(type, hard_state_.term, leader.term_start, {});
  leader.uncommitted_bytes += no_op.body.size();
  role_ = std::move(leader);
  if (with_flagged_votes) {
    sometimes(Mark::elected_with_flagged_votes);
  }
  if (standing_ != Standing::sound) {
    become_sound();
  }
  append({no_op});
  beat();
  replicate_to_all();
}

void Core::on(const Propose& event) {
  STRATA_ASSERT(!event.payloads.empty());
  auto* leader = std::get_if<Leader>(&role_);
  if (!leader || leader->transfer) {
    out_.proposals_refused = ProposalsRefused{event.id, RefusalReason::not_leader};
    return;
  }
  if (!has_room()) {
    sometimes(Mark::no_room_on_majority);
    out_.proposals_refused = ProposalsRefused{event.id, RefusalReason::disk_full};
    return;
  }
  std::size_t bytes = 0;
  for (const Bytes& payload : event.payloads) {
    bytes += Entry::header_size + payload.size();
  }
  if (leader->uncommitted_bytes > 0 && leader->uncommitted_bytes + bytes > config_.max_uncommitted_bytes) {
    sometimes(Mark::too_much_uncommitted);
    out_.proposals_refused = ProposalsRefused{event.id, RefusalReason::too_much_uncommitted};
    return;
  }
  leader->uncommitted_bytes += bytes;
  out_.proposals_appended = ProposalsAppended{event.id, hard_state_.term, log_.last_index().next()};
  append(encode(event.payloads, bytes));
  replicate_to_all();
}

// One buffer for all: the entries share it.
std::vector<Entry> Core::encode(const std::vector<Bytes>& payloads, std::size_t bytes) const {
  Bytes bodies;
  bodies.reserve(bytes);
  LogIndex index = log_.last_index();
  for (const Bytes& payload : payloads) {
    index = index.next();
    encode_entry(bodies, EntryType::command, hard_state_.term, index, payload);
  }
  const auto owner = std::make_shared<const Bytes>(std::move(bodies));
  std::vector<Entry> entries;
  entries.reserve(payloads.size());
  index = log_.last_index();
  std::size_t offset = 0;
  for (const Bytes& payload : payloads) {
    index = index.next();
    const std::size_t size = Entry::header_size + payload.size();
    const SharedBytes body(owner, BytesView(*owner).substr(offset, size));
    entries.push_back(Entry{hard_state_.term, index, EntryType::command, body});
    offset += size;
  }
  return entries;
}

// A heartbeat to every follower. It names an entry that the follower is known to hold (the place before the first one
// when that entry is gone), so it may overtake entries that are on their way without being rejected.
void Core::begin_round(Round round) {
  auto& leader = std::get<Leader>(role_);
  leader.round = round;
  for (const auto& [node, progress] : leader.followers) {
    AppendEntries heartbeat;
    heartbeat.term = hard_state_.term;
    if (progress.match_index >= log_.base().index) {
      heartbeat.prev_log_index = progress.match_index;
      heartbeat.prev_log_term = log_.term_at(progress.match_index);
    }
    heartbeat.leader_commit = commit_index_;
    heartbeat.leader_durable = durable_;
    heartbeat.round = leader.round;
    answer_recovering(progress, heartbeat);
    send(node, std::move(heartbeat));
  }
}

// The round that the heartbeat timer begins.
void Core::beat() {
  auto& leader = std::get<Leader>(role_);
  begin_round(first_round_of_next_beat(leader.round));
  leader.heartbeat_due = now_ + config_.heartbeat_interval;
  note_beat();
  if (leader.transfer) {
    leader.transfer->told = false;  // it may have been lost
  }
}

void Core::replicate_to_all() {
  for (auto& [node, progress] : std::get<Leader>(role_).followers) {
    replicate(node, progress);
  }
}

// Sends what the follower lacks, as far as its window allows.
void Core::replicate(NodeId to, Progress& progress) {
  while (progress.next_index <= log_.last_index() && progress.may_send(config_.window_messages, config_.window_bytes)) {
    if (progress.next_index <= log_.base().index) {
      begin_transfer(to, progress);
      return;
    }
    if (progress.next_index < log_.first_cached()) {
      fetch(to, progress.next_index);
      return;
    }
    send_entries(to, progress, log_.slice(progress.next_index, log_.last_index(), config_.max_append_bytes));
  }
  if (progress.next_index <= log_.last_index() && progress.state == Progress::State::replicating) {
    sometimes(Mark::window_full);
  }
}

void Core::send_entries(NodeId to, Progress& progress, std::vector<Entry> entries) {
  const Round round = std::get<Leader>(role_).round;
  AppendEntries request;
  request.term = hard_state_.term;
  request.prev_log_index = progress.next_index - 1;
  request.prev_log_term = log_.term_at(request.prev_log_index);
  request.leader_commit = commit_index_;
  request.leader_durable = durable_;
  request.round = round;
  answer_recovering(progress, request);
  std::size_t bytes = 0;
  for (const Entry& entry : entries) {
    bytes += entry.body.size();
  }
  progress.sent(entries.back().index, bytes, round);
  request.entries = std::move(entries);
  send(to, std::move(request));
}

// The follower is told what it has to hold to be sound again.
void Core::answer_recovering(const Progress& progress, AppendEntries& request) const {
  if (progress.recovering != Incarnation()) {
    request.recovering = progress.recovering;
    request.leader_last = log_.last_index();
  }
}

void Core::fetch(NodeId peer, LogIndex first) {
  if (fetching_.insert(peer).second) {
    out_.fetches.push_back({peer, first, log_.first_cached() - 1, config_.max_append_bytes});
  }
}

static bool is_repair(const Progress& progress, const std::vector<Entry>& entries) {
  return progress.repair && !progress.repair->sent_in && !entries.empty() &&
         entries.front().index == progress.repair->first;
}

// When nothing of it can be used, the next answer or heartbeat asks again.
void Core::on(Fetched event) {
  const std::size_t asked = fetching_.erase(event.peer);
  STRATA_ASSERT(asked == 1);
  auto* leader = std::get_if<Leader>(&role_);
  if (!leader) {
    sometimes(Mark::fetched_after_leadership);
    return;
  }
  Progress& progress = leader->followers.at(event.peer);
  if (progress.next_index <= log_.base().index) {
    replicate(event.peer, progress);  // a snapshot has taken its place meanwhile
    return;
  }
  if (is_repair(progress, event.entries)) {
    send_repair(event.peer, progress, std::move(event.entries));
    replicate(event.peer, progress);
    return;
  }
  std::vector<Entry> entries;
  LogIndex next = progress.next_index;
  for (Entry& entry : event.entries) {
    if (entry.index == next && log_.matches(entry.index, entry.term)) {
      next = next.next();
      entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) {
    sometimes(Mark::fetched_nothing_of_use);
  }
  if (!entries.empty() && progress.may_send(config_.window_messages, config_.window_bytes)) {
    send_entries(event.peer, progress, std::move(entries));
    replicate(event.peer, progress);
  }
}

Progress* Core::answered(NodeId from, Round round) {
  auto* leader = std::get_if<Leader>(&role_);
  if (!leader || round > leader->round) {
    return nullptr;
  }
  Progress& progress = leader->followers.at(from);
  progress.answered = std::max(progress.answered, round);
  note_contact();
  return &progress;
}

void Core::receive(NodeId from, const AppendEntriesResponse& response) {
  Progress* progress = answered(from, response.round);
  if (progress == nullptr) {
    return;
  }
  progress->recovering = response.recovering;
  if (response.round == progress->answered) {
    progress->disk_full = response.disk_full;  // it answers nothing newer
  }
  if (response.success) {
    accepted(*progress, response);
  } else {
    rejected(*progress, response);
  }
  send_missing(from, *progress, response);
  replicate(from, *progress);
  confirm_reads();
}

void Core::accepted(Progress& progress, const AppendEntriesResponse& response) {
  const bool possible = response.synced <= response.written && response.written <= response.matched &&
                        response.matched <= log_.last_index();
  if (!possible) {
    return;
  }
  const Leader& leader = std::get<Leader>(role_);
  // It has what it was sent, though the log may have gone on meanwhile and left that behind; or it needs none of it.
  // What is missing behind the snapshot is sent when its transfer has ended.
  if (progress.transfer) {
    const LogIndex enough = std::min(log_.base().index, progress.transfer->last_included.index);
    const bool lacks_none_of_it = response.missing_first == LogIndex() || response.missing_first > enough;
    if (lacks_none_of_it && response.matched >= enough) {
      progress.end_transfer();
    }
  }
  const bool unsynced_part = progress.match_synced < progress.match_index;
  if (response.matched < progress.match_index && unsynced_part && response.round > progress.matched_in) {
    // The heartbeat that it answers named no entry that could be missing, as the log has left all of them behind.
    sometimes(Mark::follower_has_restarted);
    progress.lost_memory(progress.match_synced.next(), leader.round);
  }
  const bool news = progress.acknowledge(response.matched, response.written, response.synced, leader.round);
  if (progress.lost(response.round)) {
    sometimes(Mark::probe_after_loss);
    progress.send_again();
  }
  if (news) {
    advance_commit();
  }
}

void Core::rejected(Progress& progress, const AppendEntriesResponse& response) {
  if (progress.transfer) {
    return;  // the answer to something that was sent before
  }
  if (response.conflict_index <= progress.match_index) {
    // Either an old answer, or the request was sent when match_index was known: then the follower has restarted since.
    if (response.round > progress.matched_in) {
      sometimes(Mark::follower_has_restarted);
      progress.lost_memory(response.conflict_index, std::get<Leader>(role_).round);
    }
  } else if (response.conflict_index < progress.next_index) {
    progress.probe_from(next_to_try(progress, response));
  }
}

// Section 5.3: with the conflicting term, all entries of it are passed over at once.
LogIndex Core::next_to_try(const Progress& progress, const AppendEntriesResponse& response) const {
  if (response.conflict_term != Term(0)) {
    const LogIndex base = log_.base().index;
    const LogIndex shared = log_.last_index_at_most(response.conflict_term, progress.next_index - 2);
    if (shared >= std::max(response.conflict_index, base) && log_.term_at(shared) == response.conflict_term) {
      sometimes(Mark::conflicting_term_skipped);
      return shared.next();  // both logs have an entry of that term there, so it is the same
    }
    if (response.conflict_index <= base && base < progress.next_index - 1) {
      return base.next();  // perhaps it has the base, and needs no snapshot
    }
  }
  return response.conflict_index;
}

LogIndex Core::majority_mark(LogIndex own, LogIndex Progress::* mark) const {
  std::vector<LogIndex> marks{own};
  marks.reserve(config_.members.size());
  for (const auto& [node, progress] : std::get<Leader>(role_).followers) {
    marks.push_back(progress.*mark);
  }
  return majority_index(std::move(marks));
}

// Figure 2, last rule for leaders. Entries of earlier terms are committed only indirectly (section 5.4.2).
void Core::advance_commit() {
  const LogIndex durable = majority_mark(synced(), &Progress::match_synced);
  const LogIndex acknowledged =
      config_.ack == Durability::synced ? durable : majority_mark(written(), &Progress::match_written);
  if (durable > durable_ && log_.matches(durable, hard_state_.term)) {
    durable_ = durable;
  }
  if (acknowledged > commit_index_ && log_.matches(acknowledged, hard_state_.term)) {
    if (log_.term_at(commit_index_.next()) != hard_state_.term) {
      sometimes(Mark::older_terms_committed);
    }
    commit_to(acknowledged);
    begin_read_round();  // some may have waited for the first commit of the term
  }
}

}  // namespace strata::raft
