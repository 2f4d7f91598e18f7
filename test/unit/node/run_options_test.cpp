// Where a node keeps the mark that it runs, and what it says of that.
#include "node/run_options.hpp"

#include <doctest/doctest.h>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"

using namespace strata;
using namespace strata::test;

TEST_CASE("a run directory that is no other than the data directory is said") {
  MemoryFiles files;
  KeptLines lines;
  node::Options options;
  options.data_dir = "data";
  const auto random = [] { return std::uint64_t{5}; };
  // No directory can be made.
  files.set_fault([](const FileCall& call) -> std::optional<Error> {
    return call.operation == FileOperation::make_directory
               ? std::optional(Error{ErrorKind::io, "cannot make it: Permission denied"})
               : std::nullopt;
  });
  CHECK(node::run_options(options, files, lines, random).run_directory == "data");
  CHECK(lines.has("no place for the mark of a running node but data itself (--run-dir)"));
}

TEST_CASE("of a run directory that was given nothing is said") {
  MemoryFiles files;
  KeptLines lines;
  node::Options options;
  options.run_dir = "given";
  CHECK(node::run_options(options, files, lines, [] { return std::uint64_t{0}; }).run_directory == "given");
  CHECK_FALSE(lines.has("--run-dir"));
}
