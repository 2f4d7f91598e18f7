// A log with holes: entries that the node had and cannot read any more (design, section 5; docs/decisions/repair.md).
//
// The terms of the entries behind a hole are known, so AppendEntries goes on as ever: when an entry there matches, by
// Log Matching all before it are the leader's too, those included that are missing. The follower names them in its
// answers, and the leader sends just these again. Nothing from the first missing one on counts as written or synced.
#include <algorithm>
#include <limits>
#include <utility>

#include "raft/core.hpp"

namespace strata::raft {

// The last index before everything that is missing, or repaired and not synced.
LogIndex Core::whole() const {
  LogIndex first(std::numeric_limits<LogIndex::number_type>::max());
  if (!log_.holes().empty()) {
    first = log_.holes().front().first;
  }
  for (const Repair& repair : repairs_) {
    first = std::min(first, repair.first);
  }
  return first - 1;
}

// Whoever leads must hold what it is to hand out.
bool Core::may_campaign() const {
  return !is_damaged() && repairs_.empty();
}

// ---- Follower ----

// Up to here the request holds what the log does, or did: that is known of the leader's log, or one of the entries says
// so for all before it.
LogIndex Core::known_to_match(const std::vector<Entry>& entries) const {
  LogIndex known = std::get<Follower>(role_).verified;
  for (const Entry& entry : entries) {
    if (log_.matches(entry.index, entry.term)) {
      known = std::max(known, entry.index);
    }
  }
  return known;
}

// What may be another entry than the one that was there is not taken: it overrides what follows, as in every log.
void Core::fill_holes(const std::vector<Entry>& entries) {
  if (log_.holes().empty()) {
    return;
  }
  const LogIndex known = known_to_match(entries);
  std::vector<Entry> filled;
  for (const Entry& entry : entries) {
    if (entry.index <= known && log_.may_be_missing(entry)) {
      log_.fill(entry);
      filled.push_back(entry);
    }
  }
  if (filled.empty()) {
    return;
  }
  last_write_ = last_write_.next();
  writes_.push_back({last_write_, writes_.empty() ? synced_ : writes_.back().last, now_});
  repairs_.push_back({last_write_, filled.front().index});
  out_.repair = Append{last_write_, std::move(filled), true};
}

void Core::note_repaired(WriteId up_to) {
  std::erase_if(repairs_, [up_to](const Repair& repair) { return repair.id <= up_to; });
}

// What the leader's log is not known to equal is not asked for: it may override all of that.
void Core::ask_for_missing(AppendEntriesResponse& response) const {
  if (!log_.holes().empty() && log_.holes().front().last <= response.matched) {
    response.missing_first = log_.holes().front().first;
    response.missing_last = log_.holes().front().last;
  }
}

// The snapshot holds what is missing up to there. What follows may have been acknowledged: it stays. That is so as well
// where the term of the entry is not known: if it was another, what follows is of no leader's log that has this one, so
// a leader overrides it, and it elects nobody whom the log before did not.
void Core::skip_missing(EntryId snapshot) {
  log_.stand_on(snapshot);
  for (Repair& repair : repairs_) {
    repair.first = std::max(repair.first, snapshot.index.next());
  }
  commit_index_ = snapshot.index;
  out_.install = snapshot;
  out_.install_keeps_log = true;
}

// ---- Leader ----

// Once, and again when two beats of the timer have brought no other answer.
void Core::send_missing(NodeId to, Progress& progress, const AppendEntriesResponse& response) {
  const LogIndex first = response.missing_first;
  const LogIndex last = std::min(response.missing_last, log_.last_index());
  if (first == LogIndex() || first > last || !response.success || progress.transfer) {
    progress.repair.reset();
    return;
  }
  if (first <= log_.base().index) {
    begin_transfer(to, progress);
    return;
  }
  const Round now = std::get<Leader>(role_).round;
  auto& repair = progress.repair;
  if (repair && repair->first == first && repair->sent_in && beat_of(now) < beat_of(*repair->sent_in) + 2) {
    return;
  }
  repair = Progress::Repair{first, std::nullopt};
  if (first >= log_.first_cached()) {
    send_repair(to, progress, log_.slice(first, last, config_.max_append_bytes));
  } else if (fetching_.insert(to).second) {
    out_.fetches.push_back({to, first, std::min(last, log_.first_cached() - 1), config_.max_append_bytes});
  }
}

// The entries may have been overridden, or gone, since they were read.
void Core::send_repair(NodeId to, Progress& progress, std::vector<Entry> entries) {
  const Round round = std::get<Leader>(role_).round;
  progress.repair->sent_in = round;
  const LogIndex before = progress.repair->first - 1;
  const bool hold = std::ranges::all_of(entries, [this](const Entry& e) { return log_.matches(e.index, e.term); });
  if (!hold || before < log_.base().index) {
    return;
  }
  AppendEntries request;
  request.term = hard_state_.term;
  request.prev_log_index = before;
  request.prev_log_term = log_.term_at(before);
  request.leader_commit = commit_index_;
  request.leader_durable = durable_;
  request.round = round;
  answer_recovering(progress, request);
  request.entries = std::move(entries);
  send(to, std::move(request));
}

}  // namespace strata::raft
