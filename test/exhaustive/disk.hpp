// A node's disk: what waits for it, what is written, what is synced. It does one thing at a time, when it is told to.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "exhaustive/core_encoding.hpp"
#include "raft/core.hpp"

namespace strata::exhaustive {

class Disk {
 public:
  struct Write {
    raft::Append append;
    LogIndex commit_index;  // which its records name: the core's, after the step that handed them out
  };
  // That wait for the hard state before them, by their encoding: what a message says twice counts once.
  using Messages = std::map<Bytes, raft::Outgoing>;
  using Job = std::variant<raft::HardState, Write, Messages>;

  // ---- What the node hands in, in order ----
  void enqueue(Job job) { queue_.push_back(std::move(job)); }
  void enqueue(std::vector<raft::Outgoing> messages);
  // Messages that wait for nothing any more.
  std::vector<raft::Outgoing> take_messages();

  // ---- What the disk does ----
  bool has_jobs() const { return !queue_.empty(); }
  // The first job, which is no Messages: a hard state is saved and synced, entries are written. What the core is to be
  // told.
  raft::Event work();
  // Writes that are not synced.
  std::size_t unsynced() const { return unsynced_.size(); }
  // A sync ends that began when the first `writes` of the unsynced ones were there.
  raft::Event sync(std::size_t writes);
  bool idle() const { return queue_.empty() && unsynced_.empty(); }

  // ---- The end of a life of the node ----
  // Its process has died: what is written is there, and synced before it is used.
  void lose_memory();
  // Its machine has lost power: of the unsynced writes, the first `kept` are there nevertheless.
  void lose_power(std::size_t kept);
  raft::Restored restored() const;

  const std::vector<Entry>& written() const { return log_; }
  const std::vector<Entry>& synced() const { return synced_; }
  const raft::HardState& saved() const { return saved_; }

  // `last_write`: of the core that uses the disk; only the distance to it counts.
  void encode(raft::WriteId last_write, Encoder& out) const;

 private:
  raft::HardState saved_;
  std::vector<Entry> log_;  // in the kernel
  LogIndex commit_index_;   // that its records name
  std::vector<Entry> synced_;
  LogIndex synced_commit_index_;
  std::vector<Write> unsynced_;
  std::vector<Job> queue_;
};

}  // namespace strata::exhaustive
