#include <algorithm>
#include <cstdint>

#include "base/sometimes.hpp"
#include "wal/forgiving_file.hpp"
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
  std::uint64_t step = at_once;
  while (from < end) {
    Bytes bytes(std::min(end - from, step), '\0');
    const Result<std::size_t> read = read_all(*segment.file, from, bytes);
    if (!read && step > ForgivingFile::block) {
      step = ForgivingFile::block;  // to leave out no more than what cannot be read
      continue;
    }
    if (!read && state.recovered.is_damaged) {
      from = (from / ForgivingFile::block + 1) * ForgivingFile::block;  // recovery has met it
      continue;
    }
    if (!read) {
      return read.error();
    }
    if (*read == 0) {
      break;  // the file ends before its head says
    }
    bytes.resize(*read);
    if (auto written = write_all(*segment.file, from, bytes); !written) {
      return written;
    }
    from += bytes.size();
  }
  return segment.file->sync();
}

}  // namespace strata::wal
