// One kv-node: the wiring of actors, sockets and threads, and the order in which it starts and stops.
#pragma once

#include <functional>

#include "node/event_log.hpp"
#include "node/options.hpp"

namespace strata::node {

// kv-node's exit statuses (docs/operations.md).
enum ExitStatus : int {
  exit_ok = 0,
  exit_failed = 1,  // a socket could not be bound, a right is missing, …; the log says what
  exit_usage = 2,
  exit_disagreement = 3,  // the data directory is in use, belongs to another node or cluster, or is empty or old while
                          // the cluster knows this node; or the members disagree
  exit_damaged = 4,
  exit_disk = 5,  // the disk failed: a write or sync of the log, or any call at the start
};

// Runs until SIGTERM or SIGINT, or until the disk fails. `reload` reads the options anew for SIGHUP.
ExitStatus serve(const Options& options, EventLog& log, const std::function<Result<Options>()>& reload);

}  // namespace strata::node
