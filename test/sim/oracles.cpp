#include "sim/oracles.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.hpp"
#include "kv/command.hpp"

namespace strata::sim {

void Oracles::fail(NodeId node, const std::string& what) {
  fail_(fmt::format("node {}: {}", node, what));
}

void Oracles::started(NodeId node, const actors::NodeActors& actors) {
  const raft::HardState& found = actors.core().hard_state();
  Seen& seen = seen_[node];
  if (found.term < seen.promised_term) {
    fail(node, fmt::format("comes back in term {} after it spoke in term {}", found.term, seen.promised_term));
  }
  if (found.term == seen.voted_in && found.vote != seen.voted_for) {
    fail(node, fmt::format("has forgotten its vote for node {} in term {}", seen.voted_for, seen.voted_in));
  }
  seen.hard_state = found;
  seen.commit = LogIndex();
  seen.leads = false;
  stepped(node, actors);
}

void Oracles::stepped(NodeId node, const actors::NodeActors& actors) {
  const raft::Core& core = actors.core();
  Seen& seen = seen_[node];
  check_hard_state(node, seen, core.hard_state());
  check_leader(node, seen, core);
  check_commit(node, seen, core);
  if (actors.state().applied() > core.commit_index()) {
    fail(node, fmt::format("has applied index {}, committed is {}", actors.state().applied(), core.commit_index()));
  }
}

void Oracles::check_hard_state(NodeId node, Seen& seen, const raft::HardState& now) {
  if (now == seen.hard_state) {
    return;
  }
  if (now.term < seen.hard_state.term) {
    fail(node, fmt::format("its term went back from {} to {}", seen.hard_state.term, now.term));
  }
  if (now.term == seen.hard_state.term && seen.hard_state.vote != NodeId()) {
    fail(node,
         fmt::format("its vote in term {} changed from node {} to node {}", now.term, seen.hard_state.vote, now.vote));
  }
  seen.hard_state = now;
}

void Oracles::check_leader(NodeId node, Seen& seen, const raft::Core& core) {
  const bool leads = core.role() == raft::Role::leader;
  if (leads) {
    const auto [leader, first] = leaders_.try_emplace(core.hard_state().term, node);
    if (leader->second != node) {
      fail(node, fmt::format("leads in term {}, and so does node {}", core.hard_state().term, leader->second));
    }
    if (first || !seen.leads) {
      check_completeness(node, core);
    }
  }
  seen.leads = leads;
}

void Oracles::check_completeness(NodeId node, const raft::Core& core) {
  for (std::size_t position = 0; position < committed_.size(); ++position) {
    const Committed& known = committed_[position];
    const LogIndex index(position + 1);
    if (known.observed_in < core.hard_state().term && !core.log().matches(index, known.term)) {
      fail(node, fmt::format("leads in term {} without the entry {} of term {} that was committed before",
                             core.hard_state().term, index, known.term));
      return;
    }
  }
}

void Oracles::check_commit(NodeId node, Seen& seen, const raft::Core& core) {
  const LogIndex commit = core.commit_index();
  if (commit < seen.commit) {
    fail(node, fmt::format("its commit index went back from {} to {}", seen.commit, commit));
  }
  if (commit > core.last_index()) {
    fail(node, fmt::format("its commit index {} lies behind its log, which ends at {}", commit, core.last_index()));
    return;
  }
  for (LogIndex index = seen.commit.next(); index <= commit; index = index.next()) {
    check_committed(node, core, index);
  }
  seen.commit = commit;
}

void Oracles::check_committed(NodeId node, const raft::Core& core, LogIndex index) {
  const Term term = core.log().term_at(index);
  if (index.value > committed_.size()) {
    committed_.push_back({term, core.hard_state().term});
  }
  Committed& known = committed_[index.value - 1];
  if (known.term != term) {
    fail(node, fmt::format("committed an entry of term {} at index {}, where one of term {} is committed", term, index,
                           known.term));
    return;
  }
  if (index >= core.log().first_cached()) {
    learn(node, core.log().entry(index));
  }
  if (!known.told) {
    check_content(node, index, known);
  }
}

const Oracles::Content* Oracles::content(LogIndex index, Term term) const {
  if (index == LogIndex() || index.value > contents_.size()) {
    return nullptr;
  }
  const std::vector<Content>& at_index = contents_[index.value - 1];
  const auto found = std::ranges::find(at_index, term, &Content::term);
  return found == at_index.end() ? nullptr : &*found;
}

void Oracles::learn(NodeId node, const Entry& entry) {
  const std::uint32_t checksum = crc32c(entry.body.view());
  if (const Content* known = content(entry.index, entry.term)) {
    if (known->checksum != checksum) {
      fail(node, fmt::format("has another entry of term {} at index {} than there is", entry.term, entry.index));
    }
    return;
  }
  Content fresh{entry.term, checksum, std::nullopt};
  if (entry.type == EntryType::command) {
    const auto command = kv::decode_command(entry.payload());
    const auto name = command ? name_in(command->value) : std::nullopt;
    if (!name) {
      fail(node, fmt::format("has a command at index {} that no client gave", entry.index));
      return;
    }
    fresh.set = CommittedSet{Bytes(command->key), *name, command->once.has_value()};
  }
  contents_.resize(std::max<std::size_t>(contents_.size(), entry.index.value));
  contents_[entry.index.value - 1].push_back(std::move(fresh));
}

void Oracles::check_content(NodeId node, LogIndex index, Committed& known) {
  const Content* entry = content(index, known.term);
  known.told = entry != nullptr;
  if (entry == nullptr || !entry->set) {
    return;
  }
  const WriteName name = entry->set->name;
  const auto [place, first] = committed_names_.try_emplace(name.value, index);
  known.repeat = !first && entry->set->once;
  if (!first && !known.repeat) {
    fail(node, fmt::format("committed one SET twice, at indexes {} and {}", place->second, index));
  }
  if (refused_.contains(name)) {
    fail(node, fmt::format("committed at index {} a SET that was answered as certainly not stored", index));
  }
}

void Oracles::refused(WriteName name) {
  refused_.insert(name);
  if (const auto place = committed_names_.find(name.value); place != committed_names_.end()) {
    fail_(fmt::format("a SET was answered as certainly not stored, but is committed at index {}", place->second));
  }
}

const CommittedSet* Oracles::committed(LogIndex index) const {
  if (index == LogIndex() || index.value > committed_.size()) {
    return nullptr;
  }
  const Committed& known = committed_[index.value - 1];
  if (known.repeat) {
    return nullptr;
  }
  const Content* entry = content(index, known.term);
  return entry != nullptr && entry->set ? &*entry->set : nullptr;
}

void Oracles::promise(NodeId node, Term term) {
  Seen& seen = seen_[node];
  seen.promised_term = std::max(seen.promised_term, term);
}

void Oracles::promise_vote(NodeId node, Term term, NodeId candidate) {
  Seen& seen = seen_[node];
  if (term == seen.voted_in && candidate != seen.voted_for) {
    fail(node, fmt::format("voted in term {} for node {} and for node {}", term, seen.voted_for, candidate));
  }
  if (term > seen.voted_in) {
    seen.voted_in = term;
    seen.voted_for = candidate;
  }
}

void Oracles::sent(NodeId from, NodeId to, const wire::PeerMessage& message) {
  const auto* raft_message = std::get_if<raft::Message>(&message);
  if (raft_message == nullptr) {
    return;
  }
  std::visit([&](const auto& any) { promise(from, any.term); }, *raft_message);
  if (const auto* request = std::get_if<raft::RequestVote>(raft_message)) {
    promise_vote(from, request->term, from);
  } else if (const auto* response = std::get_if<raft::RequestVoteResponse>(raft_message);
             response && response->vote_granted) {
    promise_vote(from, response->term, to);
  } else if (const auto* append = std::get_if<raft::AppendEntries>(raft_message)) {
    std::ranges::for_each(append->entries, [&](const Entry& entry) { learn(from, entry); });
  }
}

}  // namespace strata::sim
