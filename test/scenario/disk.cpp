#include "scenario/disk.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace strata::scenario {

using namespace raft;

static void override_from(LogIndex base, std::vector<Entry>& log, const std::vector<Entry>& entries) {
  STRATA_ASSERT(!entries.empty() && entries.front().index > base);
  STRATA_ASSERT(entries.front().index - base <= log.size() + 1);
  log.resize(entries.front().index - base - 1);
  log.insert(log.end(), entries.begin(), entries.end());
}

void Disk::write(Append append, LogIndex commit_index) {
  override_from(base_.index, written_, append.entries);
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
    override_from(base_.index, synced_, write.append.entries);
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
  base_ = EntryId();
  snapshot_ = Snapshot();
}

Restored Disk::restore() {
  sync();
  incoming_ = Snapshot();
  drop_what_the_snapshot_replaces();
  Restored restored;
  restored.hard_state = hard_state_;
  restored.base = base_;
  restored.snapshot = snapshot_.last_included;
  restored.last_index = base_.index + written_.size();
  restored.commit_index = std::max(std::min(written_commit_, restored.last_index), snapshot_.last_included.index);
  for (const Entry& entry : written_) {
    if (restored.term_runs.empty() || restored.term_runs.back().term != entry.term) {
      restored.term_runs.push_back({entry.term, entry.index});
    }
  }
  restored.tail.assign(written_.begin() + static_cast<std::ptrdiff_t>(restored.commit_index - base_.index),
                       written_.end());
  return restored;
}

std::vector<Entry> Disk::read(const Fetch& fetch) const {
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  for (const Entry& entry : written_) {
    if (entry.index < fetch.first || entry.index > fetch.last) {
      continue;
    }
    bytes += entry.body.size();
    if (bytes > fetch.max_bytes && !entries.empty()) {
      break;
    }
    entries.push_back(entry);
  }
  return entries;
}

// ---- Snapshots ----

void Disk::take(Snapshot snapshot, LogIndex released) {
  STRATA_ASSERT(released <= synced());
  snapshot_ = std::move(snapshot);
  if (released > base_.index) {
    const auto dropped = static_cast<std::ptrdiff_t>(released - base_.index);
    base_ = {released, synced_[static_cast<std::size_t>(dropped) - 1].term};
    synced_.erase(synced_.begin(), synced_.begin() + dropped);
    written_.erase(written_.begin(), written_.begin() + dropped);
  }
}

SnapshotRead Disk::read(const ReadSnapshot& asked) const {
  if (asked.last_included != snapshot_.last_included) {
    return {asked.peer, asked.last_included, asked.offset, {}, 0};
  }
  const SharedBytes part(snapshot_.content.substr(asked.offset, asked.max_bytes));
  return {asked.peer, asked.last_included, asked.offset, part, snapshot_.content.size()};
}

SnapshotStored Disk::store(const StoreSnapshot& part) {
  if (part.offset == 0) {
    incoming_ = {part.last_included, {}};
  }
  const bool follows = incoming_.last_included == part.last_included && incoming_.content.size() == part.offset;
  if (!follows) {
    return {part.last_included, incoming_.last_included == part.last_included ? incoming_.content.size() : 0, false};
  }
  incoming_.content.append(part.data.view());
  if (part.done) {
    snapshot_ = incoming_;
  }
  return {part.last_included, incoming_.content.size(), part.done};
}

void Disk::restart_log(EntryId base) {
  base_ = base;
  written_.clear();
  synced_.clear();
  unsynced_.clear();
}

// A snapshot that came was durable, and the node died before its log began anew.
void Disk::drop_what_the_snapshot_replaces() {
  const EntryId last = snapshot_.last_included;
  if (last.index <= base_.index) {
    return;
  }
  const std::uint64_t place = last.index - base_.index;
  if (place > written_.size() || written_[place - 1].term != last.term) {
    restart_log(last);
  }
}

}  // namespace strata::scenario
