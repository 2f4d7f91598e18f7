// The difference between two texts, in the unified format.
#pragma once

#include <string>
#include <string_view>

namespace strata::scenario {

// Empty when they are equal. `name` stands in the head.
std::string unified_diff(std::string_view name, std::string_view expected, std::string_view actual);

}  // namespace strata::scenario
