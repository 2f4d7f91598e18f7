// Finds records where the chain from one to the next is broken: by their magic, at every place where one can begin.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.hpp"
#include "wal/log.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::wal {

// What stands from a place on that holds no valid record of the chain.
struct Tail {
  std::uint64_t end = 0;          // behind the last byte that is not zero
  Position synced;                // the highest synced mark of the valid headers in it
  std::uint64_t last_header = 0;  // where its last valid header stands; 0: it has none
};

// Looks at the rest of a segment from `from` on, a multiple of 8. The kernel writes pages in any order, so there may be
// valid records behind a torn one; they count for nothing but their synced marks. Errors: io.
Result<Tail> examine_tail(const Segment& segment, std::uint64_t from);

struct FoundHeader {
  std::uint64_t offset = 0;
  CheckedHeader checked;
};

// The first valid header that begins at or behind `from` and before `to`. Its record may be damaged all the same.
Result<std::optional<FoundHeader>> find_header(const Segment& segment, std::uint64_t from, std::uint64_t to);

}  // namespace strata::wal
