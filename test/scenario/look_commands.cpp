// Commands that only look.
#include <fmt/format.h>

#include "scenario/describe.hpp"
#include "scenario/interpreter.hpp"

namespace strata::scenario {

using namespace raft;

static std::string leadership_of(const Core& core) {
  Leadership leadership{core.role(), core.hard_state().term, core.leader(), false};
  if (const Leader* leader = core.leading()) {
    leadership.ready = core.commit_index() >= leader->term_start && !leader->transfer;
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
    const Disk& disk = chosen.disk();
    const EntryId base = chosen.up() ? chosen.core().log().base() : disk.base();
    const LogIndex last = chosen.up() ? chosen.core().last_index() : base.index + disk.log().size();
    std::string text =
        base.index == LogIndex(0) ? "" : fmt::format(" {} and before gone", name_of(base.index, base.term));
    for (LogIndex index = base.index.next(); index <= last; index = index.next()) {
      const bool cached = chosen.up() && index >= chosen.core().log().first_cached();
      const Entry& entry = cached ? chosen.core().log().entry(index) : disk.log().at(index - disk.base().index - 1);
      text += (text.empty() ? " " : ", ") + describe(entry);
    }
    world_.trace.line(fmt::format("{}:{}", id, text.empty() ? " empty" : text));
  }
}

static std::string describe(const Progress& progress) {
  switch (progress.state) {
    case Progress::State::probing:
      return "probing";
    case Progress::State::replicating:
      return "replicating";
    case Progress::State::snapshot:
      break;
  }
  const EntryId entry = progress.transfer->last_included;
  return fmt::format("is sent the snapshot up to {}, has {} bytes", name_of(entry.index, entry.term),
                     progress.transfer->offset);
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
                                  describe(progress), progress.match_index, progress.match_written,
                                  progress.match_synced, progress.next_index, progress.in_flight.size()));
  }
}

}  // namespace strata::scenario
