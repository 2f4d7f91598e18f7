// Commands that only look.
#include <fmt/format.h>

#include "scenario/describe.hpp"
#include "scenario/interpreter.hpp"

namespace strata::scenario {

using namespace raft;

static std::string leadership_of(const Core& core) {
  Leadership leadership{core.role(), core.hard_state().term, core.leader(), false};
  if (const Leader* leader = core.leading()) {
    leadership.ready = core.commit_index() >= leader->term_start;
  }
  return describe(leadership);
}

void Interpreter::status(Words& words) {
  for (const NodeId id : nodes_or_all(words)) {
    Node& chosen = nodes_.at(id);
    if (!chosen.up()) {
      world_.trace.line(fmt::format("{}: down", id));
      continue;
    }
    const Core& core = chosen.core();
    world_.trace.line(fmt::format("{}: {}; log ends at {}, written {}, synced {}, commit {}", id, leadership_of(core),
                                  name_of(core.last_index(), core.log().last_term()), core.written(), core.synced(),
                                  core.commit_index()));
  }
}

// Of a node that is up, the log as its core has it; else what its disk holds.
void Interpreter::log(Words& words) {
  for (const NodeId id : nodes_or_all(words)) {
    Node& chosen = nodes_.at(id);
    std::string text;
    const LogIndex last = chosen.up() ? chosen.core().last_index() : LogIndex(chosen.disk().log().size());
    for (LogIndex index(1); index <= last; index = index.next()) {
      const bool cached = chosen.up() && index >= chosen.core().log().first_cached();
      const Entry& entry = cached ? chosen.core().log().entry(index) : chosen.disk().log().at(index.value - 1);
      text += (text.empty() ? " " : ", ") + describe(entry);
    }
    world_.trace.line(fmt::format("{}:{}", id, text.empty() ? " empty" : text));
  }
}

// What a leader knows of its followers.
void Interpreter::followers(Words& words) {
  Node& chosen = running_node(words);
  const Leader* leader = chosen.core().leading();
  if (!leader) {
    words.fail(fmt::format("node {} does not lead", chosen.id()));
  }
  for (const auto& [id, progress] : leader->followers) {
    world_.trace.line(fmt::format("{}: {}, match {}, written {}, synced {}, next {}, in flight {}", id,
                                  progress.state == Progress::State::probing ? "probing" : "replicating",
                                  progress.match_index, progress.match_written, progress.match_synced,
                                  progress.next_index, progress.in_flight.size()));
  }
}

}  // namespace strata::scenario
