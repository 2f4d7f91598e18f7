// The version, for --version and STATUS.
#pragma once

#include <string_view>

namespace strata::node {

// The version of Strata that this program is, from CMakeLists.txt.
inline constexpr std::string_view version = STRATA_VERSION;

}  // namespace strata::node
