// A node's disk: what waits for it, what is written, what is synced. It does one thing at a time, when it is told to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "exhaustive/core_encoding.hpp"
#include "raft/core.hpp"

namespace strata::exhaustive {

class Disk {
 public:
  // Saved and synced in one.
  struct State {
    std::optional<raft::HardState> hard_state;
    std::optional<raft::Record> record;
  };
  struct Write {
    raft::Append append;
    LogIndex commit_index;  // which its records name: the core's, after the step that handed them out
  };
  // That wait for the hard state before them, by their encoding: what a message says twice counts once.
  using Messages = std::map<Bytes, raft::Outgoing>;
  using Job = std::variant<State, Write, Messages>;

  // An empty one, but for what was recorded. Who rejoins with it is recovering.
  explicit Disk(std::vector<KnownMember> known, Admission admission = Admission::member)
      : known_(std::move(known)), admission_(admission), recovering_(admission == Admission::rejoining) {}

  // ---- What the node hands in, in order ----
  void enqueue(Job job) { queue_.push_back(std::move(job)); }
  void enqueue(std::vector<raft::Outgoing> messages);
  // Messages that wait for nothing any more.
  std::vector<raft::Outgoing> take_messages();

  // ---- What the disk does ----
  bool has_jobs() const { return !queue_.empty(); }
  // The first job, which is no Messages: a state is saved and synced, entries are written. What the core is to be told,
  // in this order.
  std::vector<raft::Event> work();
  // Writes that are not synced.
  std::size_t unsynced() const { return unsynced_.size(); }
  // A sync ends that began when the first `writes` of the unsynced ones were there.
  raft::Event sync(std::size_t writes);
  bool idle() const { return queue_.empty() && unsynced_.empty(); }

  // ---- The end of a life of the node ----
  // Its process has died: what is written is there, and synced before it is used.
  void lose_memory();
  // Its machine has lost power: of the unsynced writes, the first `kept` are there nevertheless. `recovering`: so the
  // next life begins, as more may have been acknowledged.
  void lose_power(std::size_t kept, bool recovering);
  // The node is sound again.
  void note_sound() { recovering_ = false; }
  raft::Restored restored(const strata::Start& start, const std::vector<std::uint64_t>& earlier_nonces) const;

  const std::vector<Entry>& written() const { return log_; }
  const std::vector<Entry>& synced() const { return synced_; }
  const raft::HardState& saved() const { return saved_; }
  Admission admission() const { return admission_; }
  // Whether this start of the member is recorded as its newest.
  bool knows(NodeId member, std::uint64_t nonce) const;

  // `last_write`: of the core that uses the disk; only the distance to it counts.
  void encode(raft::WriteId last_write, Encoder& out) const;

 private:
  std::vector<raft::Event> save(State state);

  raft::HardState saved_;
  std::vector<KnownMember> known_;
  Admission admission_ = Admission::member;
  bool recovering_ = false;
  std::vector<Entry> log_;  // in the kernel
  LogIndex commit_index_;   // that its records name
  std::vector<Entry> synced_;
  LogIndex synced_commit_index_;
  std::vector<Write> unsynced_;
  std::vector<Job> queue_;
};

}  // namespace strata::exhaustive
