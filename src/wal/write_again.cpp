#include <algorithm>
#include <cstdint>

#include "base/sometimes.hpp"
#include "wal/io.hpp"
#include "wal/log_state.hpp"

namespace strata::wal {

static constexpr std::uint64_t at_once = 1 << 20;

// The last segment alone: its head says that those before it were synced. The bytes stay the same, so a loss of power
// in the midst of it takes nothing that is on the disk.
Result<void> write_tail_again(LogState& state, Logger& logger) {
  const Segment& segment = state.segments.back();
  const std::uint64_t end = segment.head.size;
  std::uint64_t from = state.vouched.segment == segment.head.sequence ? state.vouched.offset : segment_head_size;
  sometimes(Mark::tail_written_again);
  logger.warning(
      "log: the disk may lack what the kernel shows: what no sync is known to have covered is written "
      "again, from {}, offset {} on",
      segment.path, from);
  while (from < end) {
    Bytes bytes(std::min(end - from, at_once), '\0');
    const Result<std::size_t> read = read_all(*segment.file, from, bytes);
    if (!read) {
      return read.error();
    }
    bytes.resize(*read);
    if (auto written = write_all(*segment.file, from, bytes); !written) {
      return written;
    }
    from += std::max<std::uint64_t>(bytes.size(), 1);
  }
  return segment.file->sync();
}

}  // namespace strata::wal
