#include "scenario/disk.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace strata::scenario {

using namespace raft;

static void override_from(std::vector<Entry>& log, const std::vector<Entry>& entries) {
  STRATA_ASSERT(!entries.empty() && entries.front().index.value <= log.size() + 1);
  log.resize(entries.front().index.value - 1);
  log.insert(log.end(), entries.begin(), entries.end());
}

void Disk::write(Append append, LogIndex commit_index) {
  override_from(written_, append.entries);
  written_commit_ = std::max(written_commit_, commit_index);
  unsynced_.push_back({std::move(append), commit_index});
}

std::optional<WriteId> Disk::sync() {
  if (unsynced_.empty()) {
    return std::nullopt;
  }
  const WriteId newest = unsynced_.back().append.id;
  synced_ = written_;
  synced_commit_ = written_commit_;
  unsynced_.clear();
  return newest;
}

void Disk::lose_power(std::size_t kept) {
  unsynced_.resize(std::min(kept, unsynced_.size()));
  for (const Write& write : unsynced_) {
    override_from(synced_, write.append.entries);
    synced_commit_ = std::max(synced_commit_, write.commit_index);
  }
  unsynced_.clear();
  written_ = synced_;
  written_commit_ = synced_commit_;
}

void Disk::hold(const HardState& state, std::vector<Entry> log, LogIndex commit_index) {
  hard_state_ = state;
  written_ = std::move(log);
  synced_ = written_;
  written_commit_ = synced_commit_ = commit_index;
  unsynced_.clear();
}

Restored Disk::restore() {
  sync();
  Restored restored;
  restored.hard_state = hard_state_;
  restored.last_index = LogIndex(written_.size());
  restored.commit_index = std::min(written_commit_, restored.last_index);
  for (const Entry& entry : written_) {
    if (restored.term_runs.empty() || restored.term_runs.back().term != entry.term) {
      restored.term_runs.push_back({entry.term, entry.index});
    }
  }
  restored.tail.assign(written_.begin() + static_cast<std::ptrdiff_t>(restored.commit_index.value), written_.end());
  return restored;
}

std::vector<Entry> Disk::read(const Fetch& fetch) const {
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (std::size_t at = fetch.first.value; at <= fetch.last.value && at <= written_.size(); ++at) {
    const Entry& entry = written_[at - 1];
    bytes += entry.body.size();
    if (bytes > fetch.max_bytes && !entries.empty()) {
      break;
    }
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace strata::scenario
