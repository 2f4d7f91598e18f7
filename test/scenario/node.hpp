// A node of a scenario: the production core, its disk, and its driver's duties (raft/core.hpp).
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "raft/core.hpp"
#include "scenario/disk.hpp"
#include "scenario/world.hpp"

namespace strata::scenario {

class Node {
 public:
  // Down until it is started.
  Node(raft::Config config, World& world) : config_(std::move(config)), world_(world) {}

  // ---- The process and its machine ----
  bool up() const { return core_.has_value(); }
  void start();
  void crash();  // the process dies; what it wrote, the kernel holds
  void lose_power(std::size_t kept_writes);

  // ---- What happens to it; it is up ----
  void step(raft::Event event);
  // A snapshot of what has been applied; the log's entries up to `released` are no longer needed. False:
  // it would be empty, and a core takes an empty snapshot for one that cannot be read.
  bool take_snapshot(LogIndex released);
  // A message from the network, which a newer life of either side may have made worthless. Also when it is down.
  void receive(Packet packet);
  // The transport's greeting: that `other` runs, and in which life.
  void greet(const Node& other) { heard_[other.id()] = other.life_; }

  // ---- Its disk ----
  // A prompt disk does at once what it is asked for, and syncs it. Else the script says when (work, sync).
  void set_prompt(bool prompt);
  // The disk does the first thing that waits for it. False: nothing waits.
  bool work();
  // False: nothing is to be synced.
  bool sync();

  const raft::Core& core() const { return *core_; }
  Disk& disk() { return disk_; }
  NodeId id() const { return config_.self; }
  TimePoint wake_at() const { return wake_at_; }

 private:
  struct Write {
    raft::Append append;
    LogIndex commit_index;  // when it was handed out
  };
  using Messages = std::vector<raft::Outgoing>;
  using Job = std::variant<raft::HardState, Write, raft::Fetch, raft::ReadSnapshot, raft::StoreSnapshot, EntryId,
                           Messages>;  // EntryId: the log begins anew behind it

  void take(raft::Output& out);
  void take_persistent(raft::Output& out);
  void take_snapshots(raft::Output& out);
  void install(EntryId last_included);
  void show_proposals(const raft::Output& out);
  void show_reads(const raft::Output& out);
  void show_committed(const std::vector<Entry>& entries);
  void send(Messages messages);
  void work_at_once();
  void done(const raft::HardState& state);
  void done(Write& write);
  void done(const raft::Fetch& fetch);
  void done(const raft::ReadSnapshot& asked);
  void done(const raft::StoreSnapshot& part);
  void done(EntryId base) { disk_.restart_log(base); }
  void done(Messages& messages) { send(std::move(messages)); }
  std::optional<std::string> refusal(const Packet& packet);
  void say(const std::string& text);
  void say_detail(const std::string& text);

  raft::Config config_;
  World& world_;
  Disk disk_;
  bool prompt_ = true;
  bool working_ = false;  // in work_at_once
  Incarnation life_;

  // Of the running life
  std::optional<raft::Core> core_;
  std::deque<Job> queue_;                // what waits for the disk
  Bytes machine_;                        // what has been applied
  std::map<NodeId, Incarnation> heard_;  // the newest life of each other node
  TimePoint wake_at_;
};

}  // namespace strata::scenario
