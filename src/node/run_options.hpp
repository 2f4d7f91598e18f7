// What this start knows of the machine that it runs on: its kernel's boot id, and a place for the run marker.
#pragma once

#include <cstdint>
#include <functional>

#include "base/log.hpp"
#include "node/options.hpp"
#include "wal/file.hpp"
#include "wal/run.hpp"

namespace strata::node {

// --boot-id-file and --run-dir. A boot id that cannot be read is said and counts as a new one at every start. Without
// --run-dir, the first of these that can be made: /run/strata, strata under $XDG_RUNTIME_DIR, the data directory, which
// is said, as it is on the disk that the mark is to be kept off.
wal::RunOptions run_options(const Options& options, wal::FileSystem& files, Logger& logger,
                            const std::function<std::uint64_t()>& random);

}  // namespace strata::node
