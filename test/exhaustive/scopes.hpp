// The scopes that have a name: small worlds, each made so that one part of Raft is reached within a few million states.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "exhaustive/scope.hpp"

namespace strata::exhaustive {

struct NamedScope {
  std::string_view name;
  std::string_view what;  // it looks at
  Scope scope;
};

// Elections and the no-ops of their winners among three members, and nothing else: what a scope adds something to.
constexpr Scope bare(std::uint64_t terms, std::uint64_t elections) {
  Scope scope;
  scope.terms = terms;
  scope.elections = elections;
  scope.commands = 0;
  scope.crashes = 0;
  scope.power_losses = 0;
  scope.beats = 0;
  scope.stalls = 0;
  return scope;
}

// The first is the one that is taken when none is named.
std::span<const NamedScope> named_scopes();
// nullptr: there is none of that name.
const Scope* find_scope(std::string_view name);

}  // namespace strata::exhaustive
