// What a node does with its disk in the course of the crash points, step by step (reliability, 4.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/durability.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "wal/log.hpp"

namespace strata::crash {

struct Start {};
// The process ends: with everything synced and a mark of that, or it is killed.
struct Stop {
  bool cleanly = false;
};
struct Vote {
  Term term;
  NodeId node;
};
// What the segment allocator does beside the log.
struct Spare {};
struct Append {
  std::vector<Entry> entries;
  LogIndex commit_index;
  bool sync = false;
};
// The node's own, of entries that are committed; then the log up to the older of two goes.
struct TakeSnapshot {
  EntryId last_included;
};
// A leader's, beyond the end of the log, which begins anew behind it.
struct InstallSnapshot {
  EntryId last_included;
};
using Step = std::variant<Start, Stop, Vote, Spare, Append, TakeSnapshot, InstallSnapshot>;

struct Story {
  std::string name;
  Durability ack = Durability::synced;
  std::vector<Step> steps;
};

// The same each time. Every segment has segment_size bytes, and no record needs more.
inline constexpr std::uint64_t segment_size = 16384;
const std::vector<Story>& stories();
// The story of this name, and no more than its first steps: up to and with its last Append before it stops cleanly.
Story without_end(const std::string& name);

wal::LogOptions log_options();
// What a snapshot up to this entry holds.
Bytes snapshot_content(EntryId last_included);

}  // namespace strata::crash
