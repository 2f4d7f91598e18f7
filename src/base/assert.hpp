// Assertions that stay on in release builds: a broken one is our own bug, and a node that is wrong must not go on.
#pragma once

#include <source_location>

namespace strata {

// Prints `what` and where it stands to standard error, then aborts the process. Any thread may call it.
[[noreturn]] void assertion_failed(const char* what, std::source_location where = std::source_location::current());

}  // namespace strata

// Our bug: assert. (The world said no: a Result. A promise we cannot keep: stop, loudly.)
#define STRATA_ASSERT(condition)              \
  do {                                        \
    if (!(condition)) [[unlikely]] {          \
      ::strata::assertion_failed(#condition); \
    }                                         \
  } while (false)
