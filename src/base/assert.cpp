#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace strata {

void assertion_failed(const char* what, std::source_location where) {
  std::fprintf(stderr, "strata: assertion failed: %s (%s:%u, %s)\n", what, where.file_name(), where.line(),
               where.function_name());
  std::fflush(stderr);
  std::abort();
}

}  // namespace strata
