// The scopes that have a name: small worlds, each made so that one part of Raft is reached within a few million states.
#pragma once

#include <span>
#include <string_view>

#include "exhaustive/scope.hpp"

namespace strata::exhaustive {

struct NamedScope {
  std::string_view name;
  std::string_view what;  // it looks at
  Scope scope;
};

// The first is the one that is taken when none is named.
std::span<const NamedScope> named_scopes();
// nullptr: there is none of that name.
const Scope* find_scope(std::string_view name);

}  // namespace strata::exhaustive
