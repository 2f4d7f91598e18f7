// What a server's disk holds, as its next start would find it.
#pragma once

#include <cstddef>

#include "base/ids.hpp"
#include "support/memory_files.hpp"

namespace strata::mit {

struct Persisted {
  // Raft's state, which the labs limit: term, vote, and the encoded bodies of the log's entries, but for those that
  // both snapshots hold, which only wait for the rest of their segment.
  std::size_t raft_bytes = 0;
  std::size_t segments = 0;        // of the log, without spares
  LogIndex snapshot;               // the newest reaches up to here; 0: there is none
  std::size_t snapshot_bytes = 0;  // its content
};

// Looks at a copy: the node that uses the disk may run, or be dead.
Persisted look_at(const test::MemoryFiles& disk, NodeId node);

}  // namespace strata::mit
