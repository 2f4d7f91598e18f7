// What a trace shows of entries, messages and outputs. One line each; the same on every compiler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "raft/core.hpp"

namespace strata::scenario {

// "3:t2": index and term. "0" for what stands before the first entry.
std::string name_of(LogIndex index, Term term);
// "3:t2 no-op", "4:t2 "x=1"".
std::string describe(const Entry& entry);
// Many entries are told by the first and the last of them.
std::string describe(const std::vector<Entry>& entries);
std::string describe(const raft::HardState& state);
std::string describe(const raft::Leadership& leadership);

// The random number that a node's core begins a life with, and from which its requests for read indexes are numbered.
std::uint64_t first_random(NodeId node, Incarnation life);
// The random number of every later step: it makes the node's election timeout 10 ms longer than that of the node
// before.
std::uint64_t later_random(NodeId node);

// A message in full, as it stands in the trace when it is sent.
std::string describe(NodeId from, NodeId to, const raft::Message& message);
// In a few words, when it arrives.
std::string summary(const raft::Message& message);
// The name by which a script selects messages: heartbeat is an append_entries without entries.
std::string kind_of(const raft::Message& message);
std::vector<std::string_view> kinds_of_messages();

}  // namespace strata::scenario
