#include "sim/log_oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kv/command.hpp"
#include "raft/quorum.hpp"

namespace strata::sim {

void LogOracle::fail(Invariant invariant, NodeId node, const std::string& what) {
  violated_(invariant, fmt::format("node {} {}", node, what));
}

void LogOracle::started(NodeId node) {
  logs_[node.value].clear();
  missing_[node.value].clear();
  bases_[node.value] = LogIndex();
}

// Entries of the same name are the same and follow on the same, so a log has changed only where its last entry has.
void LogOracle::look(NodeId node, const raft::Core& core, bool led) {
  std::vector<Term>& log = logs_[node.value];
  const raft::Log& now = core.log();
  stand_on(node, now.base());
  const std::uint64_t base = now.base().index.value;
  std::uint64_t same = std::min<std::uint64_t>(log.size(), now.last_index().value);
  while (same > base && log[same - 1] != now.term_at(LogIndex(same))) {
    --same;
  }
  if (same < log.size()) {
    if (led) {
      fail(Invariant::leader_append_only, node,
           fmt::format("leads in term {} and has removed the entry {} of term {}", core.hard_state().term, same + 1,
                       log[same]));
    }
    log.resize(same);
  }
  for (LogIndex index(same + 1); index <= now.last_index(); index = index.next()) {
    take(node, core, index);
  }
}

// What a snapshot has replaced is committed, so it is what is committed there.
void LogOracle::stand_on(NodeId node, EntryId base) {
  LogIndex& before = bases_[node.value];
  if (base.index == before) {
    return;
  }
  std::vector<Term>& log = logs_[node.value];
  if (base.index < before || committed_term(base.index) != base.term) {
    fail(
        Invariant::state_machine_safety, node,
        fmt::format("has a snapshot in the place of its log up to the entry {} of term {}; before, up to {}; committed "
                    "there is one of term {}",
                    base.index, base.term, before, committed_term(base.index)));
  }
  log.resize(std::max<std::size_t>(log.size(), base.index.value));
  for (LogIndex index = before.next(); index <= base.index; index = index.next()) {
    log[index.value - 1] = committed_term(index);
  }
  before = base.index;
}

void LogOracle::take(NodeId node, const raft::Core& core, LogIndex index) {
  const raft::Log& log = core.log();
  logs_[node.value].push_back(log.knows_term(index) ? log.term_at(index) : Term());
  if (log.is_missing(index)) {
    missing_[node.value].insert(index);
  }
  learn_place(node, core, index);
}

// What there is at `index`, and behind what.
void LogOracle::learn_place(NodeId node, const raft::Core& core, LogIndex index) {
  const std::vector<Term>& terms = logs_[node.value];
  const Term term = terms[index.value - 1];
  const Term before = index == LogIndex(1) ? Term() : terms[index.value - 2];
  if (term != Term() && (index == LogIndex(1) || before != Term())) {
    learn_before(node, index, term, before);
  }
  if (index >= core.log().first_cached() && !core.log().is_missing(index)) {
    learn(node, core.log().entry(index));
  }
}

void LogOracle::look_at_holes(NodeId node, const raft::Core& core) {
  std::vector<Term>& terms = logs_[node.value];
  std::set<LogIndex>& missing = missing_[node.value];
  for (auto at = missing.begin(); at != missing.end();) {
    const LogIndex index = *at;
    const bool gone = index > core.last_index() || index <= core.log().base().index;
    if (!gone && core.log().is_missing(index)) {
      ++at;
      continue;
    }
    at = missing.erase(at);
    if (!gone) {
      terms[index.value - 1] = core.log().term_at(index);
      learn_place(node, core, index);
      if (index < core.last_index()) {
        learn_place(node, core, index.next());
      }
    }
  }
}

std::optional<LogIndex> LogOracle::elected(NodeId node, const raft::Core& core) {
  for (std::size_t position = 0; position < committed_.size(); ++position) {
    const Committed& known = committed_[position];
    const LogIndex index(position + 1);
    const bool in_snapshot = index < core.log().base().index;
    if (!in_snapshot && known.observed_in < core.hard_state().term && !core.log().matches(index, known.term)) {
      if (may_be_gone({index, known.term}, core)) {
        forget_from(index);
        return index;
      }
      fail(Invariant::leader_completeness, node,
           fmt::format("leads in term {} without the entry {} of term {} that was committed before",
                       core.hard_state().term, index, known.term));
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// All members have voted for the winner, so one that still held the entry would have refused. And whoever acknowledged
// it, which was a majority, must have lost it.
bool LogOracle::may_be_gone(EntryId entry, const raft::Core& winner) const {
  const auto holds = [&](const std::vector<Term>& log) {
    return entry.index.value <= log.size() && log[entry.index.value - 1] == entry.term;
  };
  const bool all_have_voted = winner.log().entry(winner.leading()->term_start).type == EntryType::new_generation;
  return all_have_voted && losses_.losers(entry) >= raft::majority(winner.config().members.size()) &&
         std::ranges::none_of(logs_, holds);
}

void LogOracle::forget_from(LogIndex first) {
  for (LogIndex index = first; index <= last_committed(); index = index.next()) {
    const Content* entry = find(index, committed_term(index));
    if (entry == nullptr || !entry->set) {
      continue;
    }
    losses_.is_gone(index, entry->set->name);
    if (const auto place = committed_names_.find(entry->set->name.value);
        place != committed_names_.end() && place->second == index) {
      committed_names_.erase(place);
    }
  }
  committed_.resize(first.value - 1);
}

void LogOracle::lost_power(NodeId node, LogIndex in_snapshot, const std::function<bool(EntryId)>& is_in_log) {
  const std::vector<Term>& log = logs_[node.value];
  for (std::size_t last = log.size(); last > 0; --last) {
    const EntryId entry{LogIndex(last), log[last - 1]};
    if (is_in_log(entry)) {
      return;
    }
    if (entry.index <= in_snapshot) {
      saved_[node.value].push_back(entry);
    } else {
      losses_.may_have_taken(node, entry);
    }
  }
}

void LogOracle::snapshot_decays(NodeId node, LogIndex in_snapshot) {
  for (const EntryId& entry : saved_[node.value]) {
    if (entry.index > in_snapshot) {
      losses_.may_have_taken(node, entry);
    }
  }
}

void LogOracle::lost_disk(NodeId node) {
  const std::vector<Term>& log = logs_[node.value];
  for (std::size_t last = log.size(); last > 0; --last) {
    losses_.went_with_disk(node, {LogIndex(last), log[last - 1]});
  }
}

void LogOracle::committed(NodeId node, const raft::Core& core, LogIndex index) {
  if (index < core.log().base().index) {
    return;  // in a snapshot's place, which has been looked at
  }
  const Term term = core.log().term_at(index);
  if (index > last_committed().next()) {
    return;  // the same: nobody has committed what the snapshot holds
  }
  if (index.value > committed_.size()) {
    committed_.push_back({term, core.hard_state().term});
  }
  Committed& known = committed_[index.value - 1];
  if (known.term != term) {
    fail(Invariant::state_machine_safety, node,
         fmt::format("has committed an entry of term {} at index {}, where one of term {} is committed", term, index,
                     known.term));
    return;
  }
  if (!known.told) {
    check_content(node, index, known);
  }
}

const LogOracle::Content* LogOracle::find(LogIndex index, Term term) const {
  if (index == LogIndex() || index.value > contents_.size()) {
    return nullptr;
  }
  const std::vector<Content>& at_index = contents_[index.value - 1];
  const auto found = std::ranges::find(at_index, term, &Content::term);
  return found == at_index.end() ? nullptr : &*found;
}

LogOracle::Content& LogOracle::content(LogIndex index, Term term) {
  contents_.resize(std::max<std::size_t>(contents_.size(), index.value));
  std::vector<Content>& at_index = contents_[index.value - 1];
  const auto found = std::ranges::find(at_index, term, &Content::term);
  if (found != at_index.end()) {
    return *found;
  }
  Content fresh;
  fresh.term = term;
  at_index.push_back(std::move(fresh));
  return at_index.back();
}

void LogOracle::learn_before(NodeId node, LogIndex index, Term term, Term before) {
  Content& known = content(index, term);
  if (known.before.value_or(before) != before) {
    fail(Invariant::log_matching, node,
         fmt::format("has the entry {} of term {} after one of term {}, where others have one of term {}", index, term,
                     before, *known.before));
  }
  known.before = before;
}

void LogOracle::learn(NodeId node, const Entry& entry) {
  // The body begins with the checksum of the rest, which whoever decoded or made it has compared.
  const auto checksum = ByteReader(entry.body.view()).number<std::uint32_t>();
  Content& known = content(entry.index, entry.term);
  if (known.checksum) {
    if (*known.checksum != checksum) {
      fail(Invariant::log_matching, node,
           fmt::format("has another entry of term {} at index {} than others", entry.term, entry.index));
    }
    return;
  }
  known.checksum = checksum;
  known.entry = entry;
  if (entry.type != EntryType::command) {
    return;
  }
  const auto command = kv::decode_command(entry.payload());
  const auto name = command ? name_of(command->key, command->value) : std::nullopt;
  if (!name) {
    fail(Invariant::log_matching, node, fmt::format("has a command at index {} that no client gave", entry.index));
    return;
  }
  known.set = CommittedSet{Bytes(command->key), *name, command->once.has_value()};
}

void LogOracle::check_content(NodeId node, LogIndex index, Committed& known) {
  const Content* entry = find(index, known.term);
  known.told = entry != nullptr && entry->checksum;
  if (!known.told || !entry->set) {
    return;
  }
  const WriteName name = entry->set->name;
  const auto [place, first] = committed_names_.try_emplace(name.value, index);
  if (!first && !entry->set->once) {
    fail(Invariant::exactly_once, node,
         fmt::format("has committed one SET twice, at indexes {} and {}", place->second, index));
  }
  if (refused_.contains(name)) {
    fail(Invariant::exactly_once, node,
         fmt::format("has committed at index {} a SET that was answered as certainly not stored", index));
  }
}

void LogOracle::sent(NodeId node, const raft::AppendEntries& message) {
  Term before = message.prev_log_term;
  for (const Entry& entry : message.entries) {
    learn_before(node, entry.index, entry.term, before);
    learn(node, entry);
    before = entry.term;
  }
}

void LogOracle::refused(WriteName name) {
  refused_.insert(name);
  if (const auto place = committed_names_.find(name.value); place != committed_names_.end()) {
    violated_(Invariant::exactly_once,
              fmt::format("a SET was answered as certainly not stored, but is committed at index {}", place->second));
  }
}

const CommittedSet* LogOracle::committed_set(LogIndex index) const {
  const Content* entry = find(index, committed_term(index));
  return entry != nullptr && entry->set ? &*entry->set : nullptr;
}

const Entry* LogOracle::committed_entry(LogIndex index) const {
  const Content* entry = find(index, committed_term(index));
  return entry != nullptr && entry->checksum ? &entry->entry : nullptr;
}

Term LogOracle::committed_term(LogIndex index) const {
  return index == LogIndex() || index.value > committed_.size() ? Term() : committed_[index.value - 1].term;
}

Term LogOracle::term_in_log(NodeId node, LogIndex index) const {
  const std::vector<Term>& log = logs_[node.value];
  return index == LogIndex() || index.value > log.size() ? Term() : log[index.value - 1];
}

}  // namespace strata::sim
