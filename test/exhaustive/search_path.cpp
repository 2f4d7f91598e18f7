// The way to a state, in words. Only the parent of each is kept; the events between are found anew.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "exhaustive/describe.hpp"
#include "exhaustive/search.hpp"

namespace strata::exhaustive {

// One event that leads from `at` to a state which is `wanted` but for names; `at` goes there.
std::string Search::retrace(Cluster& at, const Cluster& wanted) {
  const Totals spent = totals(at);
  std::vector<Event> events;
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    list_events(at, spent, node, events);
    for (const Event event : events) {
      Cluster next = at;
      next[node] = nodes_.after(at[node], event).state;
      if (next != at && canonical(next) == wanted) {
        at = next;
        return describe(nodes_, node, event) + describe(nodes_.machine(next[node]));
      }
    }
  }
  assertion_failed("a state has a parent that leads there");
}

std::vector<std::string> Search::first_state() const {
  std::vector<std::string> lines;
  if (scope_.start == Start::fresh) {
    return lines;
  }
  lines.reserve(scope_.nodes);
  for (std::size_t node = 0; node < scope_.nodes; ++node) {
    lines.push_back(fmt::format("node {}{}", node + 1, describe(nodes_.machine(cluster(0)[node]))));
  }
  return lines;
}

std::vector<std::string> Search::path_to(std::size_t state, Cluster& end) {
  std::vector<std::size_t> way;
  for (; state != 0; state = parents_[state]) {
    way.push_back(state);
  }
  end = cluster(0);
  std::vector<std::string> lines;
  lines.reserve(way.size() + 1);
  for (auto next = way.rbegin(); next != way.rend(); ++next) {
    lines.push_back(retrace(end, cluster(*next)));
  }
  return lines;
}

std::vector<std::string> Search::current_path(bool with_result) {
  Cluster end{};
  std::vector<std::string> lines = path_to(expanded_, end);
  const auto [node, event] = running_;
  const auto& renamings = nodes_.renamings();
  for (std::size_t number = 0; number < renamings.size(); ++number) {
    bool same = true;
    for (std::size_t other = 0; other < scope_.nodes; ++other) {
      same = same && nodes_.renamed(current_[other], number) == end[renamings[number][other]];
    }
    if (same) {
      const std::size_t named = renamings[number][node];
      const Event happening = nodes_.renamed(event, renamings[number]);
      lines.push_back(describe(nodes_, named, happening));
      if (with_result) {
        lines.back() += describe(nodes_.machine(nodes_.after(end[named], happening).state));
      }
      break;
    }
  }
  return lines;
}

}  // namespace strata::exhaustive
