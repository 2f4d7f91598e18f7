#include "exhaustive/disk.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::exhaustive {
namespace {

void override_from(std::vector<Entry>& log, const std::vector<Entry>& entries) {
  STRATA_ASSERT(!entries.empty() && entries.front().index.value <= log.size() + 1);
  log.resize(entries.front().index.value - 1);
  log.insert(log.end(), entries.begin(), entries.end());
}

void encode_log(const std::vector<Entry>& log, Encoder& out) {
  out.number(log.size());
  for (const Entry& entry : log) {
    out.number(entry.term);
    out.number(crc32c(entry.body.view()));
  }
}

void encode_state(const std::optional<raft::HardState>& hard_state, Encoder& out) {
  out.number(hard_state ? hard_state->term.value + 1 : 0);
  out.number(hard_state ? hard_state->vote : NodeId(0));
}

void encode_known(const std::vector<KnownMember>& members, Encoder& out) {
  out.number(members.size());
  for (const auto& [node, start, term] : members) {
    out.number(node);
    out.number(start.directory);
    out.number(start.incarnation);
    out.number(start.nonce);
    out.number(term);
  }
}

void encode_write(const Disk::Write& write, raft::WriteId last_write, Encoder& out) {
  out.number(last_write.value - write.append.id.value);
  out.number(write.append.entries.front().index);
  encode_log(write.append.entries, out);
  out.number(write.commit_index);
}

void encode_messages(const Disk::Messages& messages, Encoder& out) {
  out.number(messages.size());
  for (const auto& [name, outgoing] : messages) {
    out.bytes(name);
  }
}

}  // namespace

void Disk::enqueue(std::vector<raft::Outgoing> messages) {
  if (queue_.empty() || !std::holds_alternative<Messages>(queue_.back())) {
    queue_.emplace_back(Messages());
  }
  auto& waiting = std::get<Messages>(queue_.back());
  for (raft::Outgoing& outgoing : messages) {
    wire::PeerEnvelope envelope;
    envelope.to = outgoing.to;
    Bytes name = wire::encode_peer_message(envelope, outgoing.message);
    waiting.emplace(std::move(name), std::move(outgoing));
  }
}

std::vector<raft::Outgoing> Disk::take_messages() {
  std::vector<raft::Outgoing> messages;
  while (!queue_.empty() && std::holds_alternative<Messages>(queue_.front())) {
    for (auto& [name, outgoing] : std::get<Messages>(queue_.front())) {
      messages.push_back(std::move(outgoing));
    }
    queue_.erase(queue_.begin());
  }
  return messages;
}

std::vector<raft::Event> Disk::work() {
  Job job = std::move(queue_.front());
  queue_.erase(queue_.begin());
  if (auto* state = std::get_if<State>(&job)) {
    return save(std::move(*state));
  }
  auto& write = std::get<Write>(job);
  override_from(log_, write.append.entries);
  commit_index_ = std::max(commit_index_, write.commit_index);
  unsynced_.push_back(std::move(write));
  return {raft::Persisted{unsynced_.back().append.id, Durability::written}};
}

std::vector<raft::Event> Disk::save(State state) {
  std::vector<raft::Event> events;
  if (state.hard_state) {
    saved_ = *state.hard_state;
    events.emplace_back(raft::HardStateSaved{saved_});
  }
  if (state.record) {
    known_ = std::move(state.record->members);
    admission_ = state.record->admission;
    events.emplace_back(raft::Recorded{state.record->id});
  }
  return events;
}

bool Disk::knows(NodeId member, std::uint64_t nonce) const {
  return std::ranges::any_of(
      known_, [&](const KnownMember& known) { return known.node == member && known.start.nonce == nonce; });
}

raft::Event Disk::sync(std::size_t writes) {
  STRATA_ASSERT(writes > 0 && writes <= unsynced_.size());
  raft::Persisted persisted{unsynced_[writes - 1].append.id, Durability::synced};
  for (std::size_t write = 0; write < writes; ++write) {
    override_from(synced_, unsynced_[write].append.entries);
    synced_commit_index_ = std::max(synced_commit_index_, unsynced_[write].commit_index);
  }
  unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(writes));
  return persisted;
}

void Disk::lose_memory() {
  queue_.clear();
  if (!unsynced_.empty()) {
    sync(unsynced_.size());
  }
}

void Disk::lose_power(std::size_t kept, bool recovering) {
  recovering_ = recovering_ || recovering;
  unsynced_.resize(kept);
  lose_memory();
  log_ = synced_;
  commit_index_ = synced_commit_index_;
}

raft::Restored Disk::restored(const strata::Start& start, const std::vector<std::uint64_t>& earlier_nonces) const {
  raft::Restored restored;
  restored.directory = start.directory;
  restored.nonce = start.nonce;
  restored.earlier_nonces = earlier_nonces;
  restored.admission = admission_;
  restored.members = known_;
  restored.standing = recovering_ ? Standing::recovering : Standing::sound;
  restored.incarnation = start.incarnation;
  restored.hard_state = saved_;
  restored.last_index = LogIndex(log_.size());
  restored.commit_index = std::min(commit_index_, restored.last_index);
  for (const Entry& entry : log_) {
    if (restored.term_runs.empty() || restored.term_runs.back().term != entry.term) {
      restored.term_runs.push_back({entry.term, entry.index});
    }
  }
  restored.tail.assign(log_.begin() + static_cast<std::ptrdiff_t>(restored.commit_index.value), log_.end());
  return restored;
}

void Disk::encode(raft::WriteId last_write, Encoder& out) const {
  encode_state(saved_, out);
  encode_known(known_, out);
  out.number(static_cast<std::uint64_t>(admission_));
  out.number(recovering_ ? 1 : 0);
  encode_log(log_, out);
  out.number(commit_index_);
  encode_log(synced_, out);
  out.number(synced_commit_index_);
  out.number(unsynced_.size());
  for (const Write& write : unsynced_) {
    encode_write(write, last_write, out);
  }
  out.number(queue_.size());
  for (const Job& job : queue_) {
    out.number(job.index());
    if (const auto* state = std::get_if<State>(&job)) {
      encode_state(state->hard_state, out);
      out.number(state->record ? static_cast<std::uint64_t>(state->record->admission) + 1 : 0);
      encode_known(state->record ? state->record->members : std::vector<KnownMember>(), out);
    } else if (const auto* write = std::get_if<Write>(&job)) {
      encode_write(*write, last_write, out);
    } else {
      encode_messages(std::get<Messages>(job), out);
    }
  }
}

}  // namespace strata::exhaustive
