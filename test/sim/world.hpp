// A whole cluster with its clients, in one thread, on virtual time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/client.hpp"
#include "sim/coverage.hpp"
#include "sim/history.hpp"
#include "sim/invariants.hpp"
#include "sim/machine.hpp"
#include "sim/network.hpp"
#include "sim/oracles.hpp"
#include "sim/plan.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"

namespace strata::sim {

class World {
 public:
  // Prints the trace to `trace_to`, when there is one. Nothing runs yet.
  explicit World(const Plan& plan, std::FILE* trace_to = nullptr, Without without = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Plan& plan() const { return plan_; }
  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return network_; }
  Trace& trace() { return trace_; }
  History& history() { return history_; }
  Oracles& oracles() { return oracles_; }
  // Of everything that ran in start_all and in the functions below that let time go on.
  Coverage& coverage() { return coverage_; }
  const Oracles& oracles() const { return oracles_; }
  Duration elapsed() const { return scheduler_.now().time_since_epoch(); }

  Machine& machine(NodeId id) { return *machines_.at(id.value - 1u); }
  std::vector<NodeId> nodes() const;
  Client& client(std::size_t number) { return *clients_.at(number); }
  std::size_t clients() const { return clients_.size(); }
  // The nodes that must do well in the end: all, unless told otherwise.
  const std::vector<NodeId>& core() const { return core_; }
  void set_core(std::vector<NodeId> core) { core_ = std::move(core); }
  // Those of the core that are down.
  void start_all();
  // In thousandths of what clients ask and of what they are answered.
  void lose_for_clients(std::uint64_t lost) { lost_for_clients_ = lost; }

  // The node of the core that leads in the newest term of all that lead; nothing when none does.
  std::optional<NodeId> leader();
  // The same, when no node of the core is in a later term: else it leads only until it hears of that.
  std::optional<NodeId> undisputed_leader();
  // That of them which also serves.
  std::optional<NodeId> serving_leader();

  // These end early when something is wrong; then (and for run_until when the time is over before `done`) false.
  bool run_for(Duration time);
  bool run_until(const std::function<bool()>& done, Duration at_most);
  // Until the request is answered, `at_most` that long: true when it was answered OK.
  bool settles(Client& client, Client::Number number, Duration at_most);

  // Every node of the core is up, has applied the same, and all dictionaries are equal.
  bool all_equal();
  // Every member has been admitted by all others, and will not forget it: from now on a majority does without the rest.
  bool all_admitted() const;
  // The disks of all others have a later start of this node than its old disk.
  bool others_know_later_start(NodeId node) const;
  // All that is committed is held by members that have lost nothing, and nobody rejoins: one may.
  bool may_lose_a_disk() const;

  // What was wrong first.
  const std::optional<std::string>& failure() const { return failure_; }
  void fail(const std::string& what);
  // The same, unless this one is not looked at.
  void violated(Invariant invariant, const std::string& what);

 private:
  void lost_from(LogIndex first);
  void watch_answers();
  void deliver(NodeId node, wire::ClientRequest request);
  void answer(const wire::ClientReply& reply);

  Plan plan_;
  Scheduler scheduler_;
  Trace trace_;
  Coverage coverage_{trace_};
  Random random_;
  std::uint64_t lost_for_clients_ = 0;
  Without without_;
  std::optional<std::string> failure_;
  Oracles oracles_;
  History history_;
  Network network_;
  Surroundings surroundings_;
  ClientSurroundings client_surroundings_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<NodeId> core_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace strata::sim
