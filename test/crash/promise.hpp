// What a start must find: from what the node was told before it stopped, and how it stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/standing.hpp"
#include "crash/history.hpp"
#include "crash/life.hpp"
#include "crash/story.hpp"
#include "wal/data_directory.hpp"

namespace strata::crash {

enum class End { process_died, power_lost };

struct Promise {
  std::size_t least = 0;  // records of the log
  std::size_t most = 0;
  std::vector<Vote> votes;         // one of them
  std::size_t least_snapshot = 0;  // the newest is one of the story's with these numbers, from 1; 0: none
  std::size_t most_snapshot = 0;
  Incarnation least_incarnation;  // of the run before
  Incarnation most_incarnation;
  // One of them, when the run before was the last that is known to have begun, or one behind it that may have. A first
  // run is sound, and of one that has promised nothing nothing is asked.
  std::vector<Standing> standings;
  std::vector<Standing> later_standings;
  // Whether that run was on the kernel that runs now. It may have seen a sync fail, so nothing that is whole clears a
  // node that abstains.
  bool same_kernel = false;
  bool later_same_kernel = false;
  std::optional<bool> torn;  // whether anything is cut off; nothing: it may be
};

// What a start is that may lack what was acknowledged (design, section 6, rule 2). One that would abstain and has found
// nothing torn is sound, on another kernel.
Standing doubtful_at(Durability ack);

Promise promise_after(const Told& told, Durability ack, End end);

// What a start found.
struct Found {
  wal::Position end;
  EntryId last;
  EntryId snapshot;
  Vote vote;
  Standing standing = Standing::sound;
  std::vector<Entry> entries;  // those behind the snapshot
};

// Looks at an opened data directory, and compares. Empty: what it found is within the promise.
std::string compare(const wal::DataDirectory& data, const History& history, const Promise& promise, Found& found);

}  // namespace strata::crash
