// What the log holds, for those who ask.
#include <algorithm>

#include "base/assert.hpp"
#include "wal/log.hpp"
#include "wal/log_state.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal {

static constexpr std::size_t read_chunk = 1 << 20;

// Where the entry's record ends, or what was overridden behind it.
std::uint32_t Log::end_of_record(LogIndex index) const {
  const std::uint32_t segment = state_->position_of(index).segment;
  const LogIndex behind = first_in_place(index.next());
  const Position next = behind > state_->last_index() ? state_->end : state_->position_of(behind);
  return next.segment == segment ? next.offset : state_->segment(segment + 1).head.previous_end;
}

std::uint64_t Log::body_bytes(LogIndex first, LogIndex last) const {
  STRATA_ASSERT(first >= state_->first_index && last <= state_->last_index());
  std::uint64_t bytes = 0;
  for (LogIndex index = first; index <= last; index = index.next()) {
    if (!is_missing(index) && !state_->repaired.contains(index)) {
      const std::uint64_t body = state_->position_of(index).offset + record_header_size;
      bytes += std::max<std::uint64_t>(end_of_record(index), body) - body;
    }
  }
  return bytes;
}

Result<std::vector<Entry>> Log::read(LogIndex first, LogIndex last, std::size_t max_bytes) {
  std::vector<Entry> entries;
  std::size_t bytes = 0;
  auto visited = visit_while(first, last, std::min(max_bytes, read_chunk), [&](const Entry& entry) {
    bytes += entry.body.size();
    if (!entries.empty() && bytes > max_bytes) {
      return false;
    }
    entries.push_back(entry);
    return true;
  });
  if (!visited) {
    return visited.error();
  }
  return entries;
}

Result<void> Log::replay(LogIndex first, LogIndex last, const std::function<void(const Entry&)>& visit) {
  return visit_while(first, last, read_chunk, [&](const Entry& entry) {
    visit(entry);
    return true;
  });
}

Result<void> Log::visit_while(LogIndex first, LogIndex last, std::size_t read_ahead,
                              const std::function<bool(const Entry&)>& visit) {
  STRATA_ASSERT(first >= state_->first_index && first <= last && last <= state_->last_index());
  std::optional<SegmentReader> reader;
  std::uint32_t sequence = 0;
  for (LogIndex index = first; index <= last; index = index.next()) {
    const Position position = state_->position_of(index);
    if (position == Position{}) {
      return damage_at(state_->options.directory, 0, index, {ErrorKind::damaged, "the entry is missing"});
    }
    const Segment& segment = state_->segment(position.segment);
    if (position.segment != sequence) {
      reader.emplace(segment, read_ahead);
      sequence = position.segment;
    }
    Result<Record> record = reader->record(position.offset);
    if (record && record->header.index != index) {
      record = Error{ErrorKind::damaged, "another entry stands here"};
    }
    if (!record) {
      return damage_at(segment.path, position.offset, index, record.error());
    }
    if (!visit(record->entry)) {
      break;
    }
  }
  return {};
}

}  // namespace strata::wal
