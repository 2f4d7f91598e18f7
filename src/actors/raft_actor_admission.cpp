// What the log says of a node that the others do not know, or not so (design, section 6, rule 6).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <utility>

#include "actors/raft_actor.hpp"

namespace strata::actors {

namespace {

Error error_of(const raft::TurnedAway& away) {
  const std::string_view this_one = away.verdict == raft::Verdict::outdated
                                        ? "this one was put back to an older state of it, or is a copy"
                                        : "this is another";
  return {ErrorKind::mismatch,
          fmt::format("this node's data directory is empty or old while the cluster knows this node: member {} knows "
                      "its data directory {:016x}, and {}. If that one is lost, start the node with an empty data "
                      "directory and --rejoin",
                      away.by, away.directory, this_one)};
}

}  // namespace

void RaftActor::note_admission(const raft::Output& output) {
  if (output.turned_away) {
    links_.on_turned_away(error_of(*output.turned_away));
  }
  if (output.joined) {
    links_.logger.info("all other members have recorded this node's data directory: it takes part");
  }
  std::vector<NodeId> waits_for = core_.waits_for();
  if (waits_for != waits_for_ && !waits_for.empty()) {
    links_.logger.info("its data directory is new: it is silent until all other members know it; waits for members {}",
                       fmt::join(waits_for, ", "));
  }
  waits_for_ = std::move(waits_for);
}

}  // namespace strata::actors
