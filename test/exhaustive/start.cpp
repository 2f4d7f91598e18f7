#include "exhaustive/start.hpp"

#include <cstddef>
#include <vector>

#include "base/assert.hpp"

namespace strata::exhaustive {
namespace {

// Places of nodes, not their numbers, which begin with 1.
class Driver {
 public:
  Driver(const Scope& scope, NodeStates& nodes) : members_(scope.nodes), nodes_(nodes) {
    for (std::size_t node = 0; node < scope.nodes; ++node) {
      cluster_[node] = nodes_.initial(node);
    }
  }

  // All members make their starts known to each other.
  void introduce_all() {
    for (std::size_t node = 0; node < members_; ++node) {
      for (const std::size_t other : others(node)) {
        introduce(node, other);
      }
    }
  }
  // It asks all others, and wins.
  void elect(std::size_t candidate) { elect(candidate, others(candidate), others(candidate)); }
  // It asks some, and some are heard.
  void elect(std::size_t candidate, const std::vector<std::size_t>& asked, const std::vector<std::size_t>& heard) {
    ask(candidate, asked);
    for (const std::size_t voter : heard) {
      deliver_newest(voter, candidate);
    }
    STRATA_ASSERT(nodes_.machine(cluster_[candidate]).core().leading());
  }
  // Its election timer fires, and some get its request.
  void ask(std::size_t candidate, const std::vector<std::size_t>& asked) {
    happen(candidate, Event(Happening::election_due, 0));
    for (const std::size_t voter : asked) {
      deliver_newest(candidate, voter);
    }
  }
  // `stalled`: what the receiver's disk has to do for it waits.
  void deliver_newest(std::size_t from, std::size_t to, bool stalled = false) {
    const auto& sent = nodes_.sent(cluster_[from], nodes_.machine(cluster_[to]).self());
    STRATA_ASSERT(!sent.empty());
    happen(to, Event(Happening::message, sent.back(), stalled));
  }
  // The newest message arrives; what its entries make the receiver write is written, and not synced.
  void deliver_unsynced(std::size_t from, std::size_t to) {
    deliver_newest(from, to, true);
    work_disk(to);
    STRATA_ASSERT(nodes_.machine(cluster_[to]).disk().unsynced() == 1);
  }
  // The first job that waits.
  void work_disk(std::size_t node) {
    STRATA_ASSERT(nodes_.machine(cluster_[node]).disk().has_jobs());
    happen(node, Event(Happening::disk_works, 0));
  }
  // Until a new start is known to the other, which may know another directory of it, and the other to it.
  void introduce(std::size_t node, std::size_t to) {
    constexpr int exchanges = 3;
    for (int exchange = 0; exchange < exchanges; ++exchange) {
      happen(node, Event(Happening::introduces, 0));
      deliver_introductions(node, to);
      deliver_introductions(to, node);
    }
    deliver_introductions(node, to);
  }
  void lose_disk(std::size_t node) { happen(node, Event(Happening::disk_lost, 0)); }
  // With all that it has not synced.
  void lose_power(std::size_t node) { happen(node, Event(Happening::power_lost, 0)); }
  const Cluster& cluster() const { return cluster_; }

 private:
  std::vector<std::size_t> others(std::size_t than) const {
    std::vector<std::size_t> nodes;
    for (std::size_t node = 0; node < members_; ++node) {
      if (node != than) {
        nodes.push_back(node);
      }
    }
    return nodes;
  }
  void happen(std::size_t node, Event event) {
    STRATA_ASSERT(nodes_.step(cluster_[node], event).violation == 0);
    cluster_[node] = nodes_.after(cluster_[node], event).state;
  }

  void deliver_introductions(std::size_t from, std::size_t to) {
    const std::vector<PacketId> sent = nodes_.sent(cluster_[from], nodes_.machine(cluster_[to]).self());
    for (const PacketId packet : sent) {
      if (is_introduction(nodes_.packet(packet).message)) {
        happen(to, Event(Happening::message, packet));
      }
    }
  }

  std::size_t members_;
  NodeStates& nodes_;
  Cluster cluster_{};
};

}  // namespace

Cluster start(const Scope& scope, NodeStates& nodes) {
  STRATA_ASSERT(scope.start == Start::fresh || scope.nodes == 3);
  Driver driver(scope, nodes);
  if (scope.disk_losses > 0) {
    driver.introduce_all();
  }
  switch (scope.start) {
    case Start::fresh:
      break;
    case Start::figure_8:
      driver.elect(0);
      driver.elect(1);
      driver.elect(0);
      break;
    case Start::vote_lost:
      driver.elect(2, {1}, {1});
      driver.lose_disk(1);
      driver.introduce(1, 2);
      break;
    case Start::two_disks_lost:
      driver.elect(2, {1}, {1});
      driver.lose_disk(1);
      driver.lose_disk(2);
      driver.introduce(1, 0);
      driver.introduce(2, 0);
      break;
    case Start::term_lost:
      driver.elect(0, {1, 2}, {1});
      driver.elect(2, {1}, {1});
      driver.lose_disk(1);
      driver.introduce(1, 0);
      driver.introduce(1, 2);
      break;
    case Start::unsynced:
      driver.ask(0, {1, 2});
      driver.deliver_newest(1, 0, true);
      driver.deliver_unsynced(0, 2);
      break;
    case Start::unsynced_candidate:
      driver.elect(0, {1, 2}, {1});
      driver.deliver_unsynced(0, 2);
      driver.lose_power(2);
      driver.deliver_unsynced(0, 2);
      driver.deliver_newest(2, 0);
      driver.ask(2, {});
      driver.work_disk(2);
      break;
  }
  return driver.cluster();
}

}  // namespace strata::exhaustive
