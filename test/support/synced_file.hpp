// A file that would outlive a loss of power, for tests of what happens to it after that.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "support/memory_files.hpp"
#include "support/show_result.hpp"

namespace strata::test {

// In the directory d, which must not be there yet: `path` begins with "d/".
inline std::unique_ptr<wal::File> make_file(MemoryFiles& files, const std::string& path, BytesView synced) {
  REQUIRE(files.make_directory("d"));
  auto file = files.create(path);
  REQUIRE(file);
  REQUIRE(*(*file)->write_at(0, synced) == synced.size());
  REQUIRE((*file)->sync());
  REQUIRE(files.sync_directory("d"));
  return std::move(*file);
}

}  // namespace strata::test
