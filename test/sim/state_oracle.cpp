#include "sim/state_oracle.hpp"

#include <fmt/format.h>

#include "base/checksum.hpp"
#include "sim/history.hpp"

namespace strata::sim {

namespace {

constexpr std::uint64_t entries_between_looks = 64;

std::uint64_t mixed(std::uint64_t state, std::uint64_t value) {
  state = (state ^ value) * 0x9e3779b97f4a7c15;
  return state ^ (state >> 29);
}

std::uint64_t hash_of(BytesView key, BytesView value, LogIndex revision) {
  std::uint64_t hash = mixed(0xcbf29ce484222325, revision.value);
  hash = mixed(hash, std::uint64_t{crc32c(key)} << 32 | key.size());
  return mixed(hash, std::uint64_t{crc32c(value)} << 32 | value.size());
}

}  // namespace

void StateOracle::commit(const Entry& entry) {
  const std::optional<kv::Outcome> outcome = shadow_.apply(entry);
  if (outcome) {
    check_command(*kv::decode_command(entry.payload()), entry.index, *outcome);
  }
  hashes_.push_back(hash_);
}

void StateOracle::roll_back(LogIndex last, const std::function<const Entry&(LogIndex)>& entry_at) {
  if (shadow_.applied() <= last) {
    return;
  }
  StateOracle anew(violated_);
  for (LogIndex index(1); index <= last; index = index.next()) {
    anew.commit(entry_at(index));
  }
  anew.looked_at_ = looked_at_;
  *this = std::move(anew);
}

// The shadow is the production code. What it says is held against rules that are simpler than the code.
void StateOracle::check_command(const kv::SetCommand& command, LogIndex index, const kv::Outcome& outcome) {
  const auto* stored = std::get_if<kv::Stored>(&outcome);
  const bool now = stored != nullptr && stored->revision == index;
  const auto key = keys_.find(Bytes(command.key));
  const LogIndex revision = key == keys_.end() ? LogIndex() : key->second.revision;
  if (now && command.if_revision.value_or(revision) != revision) {
    violated_(Invariant::exactly_once,
              fmt::format("the SET at index {} was stored if the revision was {}, and it was {}", index,
                          *command.if_revision, revision));
  }
  if (!now && !command.once && command.if_revision.value_or(revision) == revision) {
    violated_(Invariant::exactly_once, fmt::format("the SET at index {} was not stored", index));
  }
  if (now) {
    store(command, index);
  } else if (command.once) {
    without_effect_.insert(index);
  }
}

void StateOracle::store(const kv::SetCommand& command, LogIndex index) {
  if (const auto name = name_of(command.key, command.value)) {
    const auto [place, first] = stored_.try_emplace(name->value, index);
    if (!first) {
      violated_(Invariant::exactly_once,
                fmt::format("one SET was stored twice, at indexes {} and {}", place->second, index));
    }
  }
  Known& known = keys_[Bytes(command.key)];
  hash_ -= known.hash;
  known = {index, hash_of(command.key, command.value, index)};
  hash_ += known.hash;
}

void StateOracle::look(NodeId node, const kv::StateMachine& state) {
  LogIndex& before = looked_at_[node.value];
  if (state.applied().value / entries_between_looks != before.value / entries_between_looks) {
    before = state.applied();
    compare(node, state);
  }
}

void StateOracle::compare(NodeId node, const kv::StateMachine& state) const {
  if (state.applied().value >= hashes_.size()) {
    return;
  }
  std::uint64_t hash = 0;
  for (const auto& [key, item] : state.dictionary().sorted()) {
    hash += hash_of(key, item->value, item->revision);
  }
  const bool same_sessions = state.applied() != shadow_.applied() || state.digest() == shadow_.digest();
  if (hash != hashes_[state.applied().value] || !same_sessions) {
    violated_(Invariant::equal_digests,
              fmt::format("node {} has applied index {}, and its {} other than the log makes", node, state.applied(),
                          same_sessions ? "dictionary is" : "sessions are"));
  }
}

}  // namespace strata::sim
