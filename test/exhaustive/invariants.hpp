// The rules that take two nodes or more to be seen broken (Raft paper, Figure 3).
#pragma once

#include <optional>
#include <span>
#include <string>

#include "exhaustive/machine.hpp"

namespace strata::exhaustive {

// What two nodes contradict each other in; nothing when they agree.
std::optional<std::string> contradiction(const Machine& one, const Machine& other);

// The members that have the first machine's entry `index` where the scope's level of acknowledgement asks for it are a
// majority; else what is wrong.
std::optional<std::string> uncommitted(const Machine& leader, LogIndex index, std::span<const Machine* const> members);

}  // namespace strata::exhaustive
