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

  // It asks all others, and wins.
  void elect(std::size_t candidate) {
    happen(candidate, Event(Happening::election_due, 0));
    for (const std::size_t voter : others(candidate)) {
      deliver_newest(candidate, voter);
    }
    for (const std::size_t voter : others(candidate)) {
      deliver_newest(voter, candidate);
    }
    STRATA_ASSERT(nodes_.machine(cluster_[candidate]).core().leading());
  }
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
  void deliver_newest(std::size_t from, std::size_t to) {
    const auto& sent = nodes_.sent(cluster_[from], nodes_.machine(cluster_[to]).self());
    STRATA_ASSERT(!sent.empty());
    happen(to, Event(Happening::message, sent.back()));
  }

  std::size_t members_;
  NodeStates& nodes_;
  Cluster cluster_{};
};

}  // namespace

Cluster start(const Scope& scope, NodeStates& nodes) {
  Driver driver(scope, nodes);
  if (scope.start == Start::figure_8) {
    STRATA_ASSERT(scope.nodes == 3);
    driver.elect(0);
    driver.elect(1);
    driver.elect(0);
  }
  return driver.cluster();
}

}  // namespace strata::exhaustive
