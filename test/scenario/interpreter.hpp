// The commands of scenarios, carried out on one cluster. docs/testing.md lists them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "scenario/node.hpp"
#include "scenario/words.hpp"
#include "scenario/world.hpp"

namespace strata::scenario {

class Interpreter {
 public:
  // The trace that the command produced. Throws ScriptError.
  std::vector<std::string> execute(int line, std::string_view command);

 private:
  // Which messages a command speaks of: all that match.
  struct Selection {
    NodeId from;       // 0: any
    NodeId to;         // 0: any
    std::string kind;  // empty: any
    enum class Which { all, first, last } which = Which::all;
  };

  void carry_out(Words& words);
  Node& node(Words& words);
  Node& running_node(Words& words);
  std::vector<NodeId> nodes_or_all(Words& words);

  // commands.cpp: the cluster, processes and disks, clients
  void make_nodes(Words& words);
  void set_option(Words& words, const std::string& name, raft::Config& config);
  void given(Words& words);
  void crash(Words& words);
  void lose_power(Words& words);
  void start(Words& words);
  void greet(Node& to, const Node& from);
  void disk(Words& words);
  void write(Words& words);
  void sync(Words& words);
  void snapshot(Words& words);
  void propose(Words& words);
  void read(Words& words);
  void transfer(Words& words);

  // time_commands.cpp
  void campaign(Words& words);
  void elect(Words& words);
  void beat(Words& words);
  void wake(Words& words);
  void wake_at_its_time(Node& node);
  void time(Words& words);
  void run(Words& words);
  void pass(Duration duration, const std::vector<NodeId>& nodes, bool deliver_all);

  // network_commands.cpp
  Selection selection(Words& words);
  std::vector<Packet> take(const Selection& selection, Words& words);
  void deliver(Words& words);
  void drop(Words& words);
  void duplicate(Words& words);
  void hold(Words& words);
  void release(Words& words);
  void forge(Words& words);
  raft::Message forged(Words& words);
  void cut(Words& words);
  void heal(Words& words);
  void partition(Words& words);
  void cut_link(NodeId from, NodeId to);
  void settle(Words& words);
  void deliver_until_quiet();

  // look_commands.cpp
  void status(Words& words);
  void log(Words& words);
  void followers(Words& words);
  void flight(Words& words);

  using Command = void (Interpreter::*)(Words&);
  static const std::map<std::string, Command, std::less<>> commands;

  World world_;
  std::map<NodeId, Node> nodes_;
  std::uint64_t proposals_ = 0;
  std::uint64_t reads_ = 0;
};

}  // namespace strata::scenario
