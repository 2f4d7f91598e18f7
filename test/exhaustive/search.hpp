// Breadth-first over the distinct states of a whole small cluster: what is found is found by a shortest way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exhaustive/node_states.hpp"
#include "exhaustive/scope.hpp"

namespace strata::exhaustive {

struct Violation {
  std::string what;
  std::vector<std::string> path;  // one event a line
};

class Search {
 public:
  // `symmetric`: states that differ in the names of the nodes alone count as one.
  Search(const Scope& scope, bool symmetric);

  // Goes on until `limit` distinct states are found, a rule is broken, or there is no further state.
  std::optional<Violation> run(std::size_t limit);

  // Found so far.
  std::size_t states() const { return parents_.size(); }
  bool complete() const { return expanded_ == states(); }
  std::size_t depth() const {
    return depth_ + (states() > level_end_ ? 1 : 0);
  }  // events on the shortest way to the newest state
  // How many states there are when the names of the nodes count.
  std::uint64_t states_with_names();
  const NodeStates& nodes() const { return nodes_; }

  // The state that the search starts from, one node a line, in the names of the paths; none when it is a fresh cluster.
  std::vector<std::string> first_state() const;
  // The way to the event that is being looked at, and the event; without its result when the process is about to end
  // because of it.
  std::vector<std::string> current_path(bool with_result);

 private:
  struct Totals {
    Spent spent;
    LogIndex committed;  // the last that anybody handed out
  };

  Cluster cluster(std::size_t state) const;
  Totals totals(const Cluster& of) const;
  // What may happen to this node, in a fixed order.
  void list_events(const Cluster& of, const Totals& totals, std::size_t node, std::vector<Event>& events) const;
  void list_budgeted_events(const Machine& machine, const Totals& totals, std::vector<Event>& events) const;

  void expand(std::size_t state);
  void follow(const Cluster& from, std::size_t node, Event event);
  void look_at(const Cluster& after, std::size_t node, const NodeStates::Step& step);
  void check(const Cluster& found, std::size_t node);
  void fail(std::string what, std::vector<std::string> path);

  Cluster canonical(const Cluster& of);
  bool insert(const Cluster& found, std::size_t parent);
  std::size_t place_of(const Cluster& wanted) const;
  void grow();

  // The events that lead to a state, in words; `end`: where they lead, in names.
  std::vector<std::string> path_to(std::size_t state, Cluster& end);
  std::string retrace(Cluster& at, const Cluster& wanted);

  Scope scope_;
  bool symmetric_;
  NodeStates nodes_;
  std::vector<StateId> clusters_;       // scope_.nodes for each state
  std::vector<std::uint32_t> parents_;  // the first is its own
  std::vector<std::uint32_t> places_;   // hash table of states
  std::vector<Event> events_;           // of the node that is being looked at
  std::vector<StateId> successors_;     // and where they led so far
  std::size_t limit_ = 0;
  std::size_t expanded_ = 0;
  std::size_t depth_ = 0;
  std::size_t level_end_ = 0;  // states before it are at most depth_ events away
  Cluster current_{};
  std::pair<std::size_t, Event> running_;  // node and event
  std::optional<Violation> violation_;
};

}  // namespace strata::exhaustive
