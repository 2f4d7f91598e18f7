// One node of the cluster under check: the production core and gate for messages, a disk, and what the node has done in
// all its lives as far as a promise rests on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exhaustive/disk.hpp"
#include "exhaustive/event.hpp"
#include "exhaustive/packets.hpp"
#include "exhaustive/scope.hpp"
#include "raft/core.hpp"
#include "wire/peer_gate.hpp"

namespace strata::exhaustive {

// Which entry stands at an index.
struct Slot {
  Term term;
  std::uint32_t checksum = 0;
  bool operator==(const Slot&) const = default;
};
Slot slot_of(const Entry& entry);

// What a node has used up of what a scope allows for all together.
struct Spent {
  std::uint32_t elections = 0;
  std::uint32_t commands = 0;
  std::uint32_t reads = 0;
  std::uint32_t crashes = 0;
  std::uint32_t power_losses = 0;
  std::uint32_t disk_losses = 0;
  std::uint32_t stalls = 0;
};

// What an event led to, besides the new state.
struct Outcome {
  std::vector<PacketId> sent;
  LogIndex counted;       // a leader found that this is committed; 0: nothing new
  std::string violation;  // of a rule that one node can be seen to break; empty: none
};

class Machine {
 public:
  Machine(const Scope& scope, NodeId self);

  Outcome apply(Event event, Packets& packets);

  // What may happen here whatever the others do.
  std::vector<Event> own_events(const Scope& scope) const;

  const raft::Core& core() const { return core_; }
  const Disk& disk() const { return disk_; }
  NodeId self() const { return self_; }
  const Spent& spent() const { return spent_; }
  const std::vector<Slot>& log() const { return log_; }
  // What was ever handed out as committed, and the term in which this node did so first.
  const std::vector<std::pair<Slot, Term>>& committed() const { return committed_; }
  const std::vector<Term>& led() const { return led_; }  // the terms that it led, ever

  void encode(Encoder& out) const;

 private:
  void receive(const Packet& packet);
  void step(raft::Event event);
  void take(raft::Output& out);
  void send(const raft::Outgoing& outgoing);
  void release_messages();
  void work_disk();
  void finish_disk();
  void lose_disk();
  void restart();
  void serve_fetch(const raft::Fetch& fetch);
  void append(const raft::Append& append);
  void commit(const std::vector<Entry>& entries);
  void end_reads(const raft::Output& out);

  // rules.cpp: what one node can be seen to break
  void must(bool holds, const char* what);
  void check_marks();
  void check_disk();
  void check_log();
  void check_promises(const raft::Outgoing& outgoing);
  void check_vote(raft::HardState told);
  void check_admission(const raft::Outgoing& outgoing);
  void check_restart();
  void check_counted();

  NodeId self_;
  Durability ack_;       // of every life but the first, which may have another
  strata::Start start_;  // of this life; a directory is named by how many the node has had, 0: disks have no names
  std::vector<std::uint64_t> earlier_nonces_;  // of this directory's starts before it, the newest first
  std::uint64_t life_ = 1;
  TimePoint now_;
  Disk disk_;
  raft::Core core_;
  wire::PeerGate gate_;

  std::vector<Slot> log_;  // what the core was told or made to append
  std::vector<std::pair<Slot, Term>> committed_;
  LogIndex handed_out_;  // in this life, or known from the disk
  std::vector<Term> led_;
  raft::HardState told_;       // the newest term in a message since the disk is there, and the vote in it
  raft::HardState told_lost_;  // the newest vote for another that went with a disk
  std::vector<std::pair<raft::ReadId, LogIndex>> reads_;  // that wait, and the index that each must not miss
  Spent spent_;

  // Of the running event
  Outcome outcome_;
  Packets* packets_ = nullptr;
};

}  // namespace strata::exhaustive
