// What the committed commands make of the dictionary, computed beside the nodes: invariants 17 and 22.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "kv/command.hpp"
#include "kv/state_machine.hpp"
#include "sim/invariants.hpp"
#include "sim/network.hpp"

namespace strata::sim {

class StateOracle {
 public:
  explicit StateOracle(Violated violated) : violated_(std::move(violated)) {}

  // The next entry that is known to be committed.
  LogIndex next() const { return shadow_.applied().next(); }
  void commit(const Entry& entry);
  // Back to what it was after the entry at `last`. `entry_at` has all up to there.
  void roll_back(LogIndex last, const std::function<const Entry&(LogIndex)>& entry_at);

  // The SET with ONCE at `index` had been done before, or its session may have been forgotten.
  bool stores_nothing(LogIndex index) const { return without_effect_.contains(index); }

  // A node begins a new life.
  void started(NodeId node) { looked_at_[node.value] = LogIndex(); }
  // Compares now and then.
  void look(NodeId node, const kv::StateMachine& state);
  // Compares, if so much of the log is known here.
  void compare(NodeId node, const kv::StateMachine& state) const;

 private:
  struct Known {
    LogIndex revision;
    std::uint64_t hash = 0;
  };

  void check_command(const kv::SetCommand& command, LogIndex index, const kv::Outcome& outcome);
  void store(const kv::SetCommand& command, LogIndex index);

  Violated violated_;
  kv::StateMachine shadow_;                             // says what becomes of each command
  std::map<Bytes, Known> keys_;                         // what must stand in the dictionary after it
  std::uint64_t hash_ = 0;                              // of all of keys_, whatever their order
  std::vector<std::uint64_t> hashes_{0};                // after each index
  std::unordered_map<std::uint64_t, LogIndex> stored_;  // by the SET's name; never iterated
  std::set<LogIndex> without_effect_;                   // of SETs with ONCE, that stored nothing
  std::array<LogIndex, max_nodes + 1> looked_at_{};
};

}  // namespace strata::sim
