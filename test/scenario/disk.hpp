// The simulated disk of a node: what it keeps, and what only the kernel holds.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "raft/core.hpp"

namespace strata::scenario {

// What a state machine is here: the payloads that were applied, one after the other.
struct Snapshot {
  EntryId last_included;
  Bytes content;
};

class Disk {
 public:
  void save(const raft::HardState& state) { hard_state_ = state; }  // written and synced
  void write(raft::Append append, LogIndex commit_index);
  // The newest write that it made safe; nothing when there was nothing to sync.
  std::optional<raft::WriteId> sync();

  // The machine loses power: of the writes that were not synced, the first `kept` are there nevertheless.
  void lose_power(std::size_t kept);
  // A log that was there before the scenario began.
  void hold(const raft::HardState& state, std::vector<Entry> log, LogIndex commit_index);

  // What a core begins with; a log is synced before it is used.
  raft::Restored restore();
  std::vector<Entry> read(const raft::Fetch& fetch) const;

  // ---- Snapshots: each call is durable at once ----
  // An own one. The log's entries up to `released`, which are synced, are dropped.
  void take(Snapshot snapshot, LogIndex released);
  raft::SnapshotRead read(const raft::ReadSnapshot& asked) const;
  raft::SnapshotStored store(const raft::StoreSnapshot& part);
  // The log begins anew behind `base`.
  void restart_log(EntryId base);
  const Snapshot& snapshot() const { return snapshot_; }

  const raft::HardState& hard_state() const { return hard_state_; }
  // The entries behind base().
  const std::vector<Entry>& log() const { return written_; }
  EntryId base() const { return base_; }
  LogIndex synced() const { return base_.index + synced_.size(); }

 private:
  void drop_what_the_snapshot_replaces();

  raft::HardState hard_state_;
  Snapshot snapshot_;
  Snapshot incoming_;  // as far as it has come
  EntryId base_;
  std::vector<Entry> written_;
  LogIndex written_commit_;  // the commit index that the newest record names
  std::vector<Entry> synced_;
  LogIndex synced_commit_;
  struct Write {
    raft::Append append;
    LogIndex commit_index;
  };
  std::vector<Write> unsynced_;
};

}  // namespace strata::scenario
