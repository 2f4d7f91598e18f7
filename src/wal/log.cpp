#include "wal/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "wal/io.hpp"
#include "wal/log_state.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t write_chunk = 1 << 20;

// A full disk is no more than a reason to wait where a new segment is made. Space that is already allocated cannot be
// lacking: if it is, the log's end is undefined, as after any failed write.
Error beyond_repair(Error error) {
  if (error.kind == ErrorKind::no_space) {
    error.kind = ErrorKind::io;
  }
  return error;
}

bool fits(const LogState& state, std::uint64_t record) {
  return !state.sealed && state.end.offset + record <= state.segments.back().head.size;
}

}  // namespace

Log::Log(std::unique_ptr<LogState> state) : state_(std::move(state)) {}

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot,
                                       Kernel kernel) {
  STRATA_ASSERT(options.segment_size <= max_segment_size);
  Result<std::unique_ptr<LogState>> state = recover(files, std::move(options), logger, snapshot);
  if (!state) {
    return state.error();
  }
  if (kernel == Kernel::doubtful) {
    if (auto written = write_tail_again(**state, logger); !written) {
      return written.error();
    }
  }
  std::unique_ptr<Log> log(new Log(std::move(*state)));
  if (log->state_->restart_due && !log->recovered().is_damaged) {
    logger.warning("log: it does not hold what the snapshot does; it begins anew behind index {}", snapshot.index);
    if (auto restarted = log->restart(snapshot, {log->end(), snapshot.index}); !restarted) {
      return restarted.error();
    }
  }
  return log;
}

const Recovered& Log::recovered() const {
  return state_->recovered;
}

LogIndex Log::last_index() const {
  return state_->last_index();
}

Position Log::end() const {
  return state_->end;
}

bool Log::is_missing(LogIndex index) const {
  return state_->position_of(index) == Position{};
}

bool Log::restart_due() const {
  return state_->restart_due;
}

Result<SyncTarget> Log::append(std::span<const Entry> entries, const Marks& marks) {
  return write(entries, RecordType::entry, marks);
}

Result<SyncTarget> Log::repair(std::span<const Entry> entries, const Marks& marks) {
  return write(entries, RecordType::repair, marks);
}

Result<SyncTarget> Log::write(std::span<const Entry> entries, RecordType type, const Marks& marks) {
  STRATA_ASSERT(marks.synced <= state_->end);
  if (auto prepared = prepare_for(entries); !prepared) {
    return prepared.error();
  }
  for (const Entry& entry : entries) {
    if (auto appended = write_entry(entry, type, marks); !appended) {
      return beyond_repair(appended.error());
    }
  }
  if (auto flushed = flush(); !flushed) {
    return beyond_repair(flushed.error());
  }
  return SyncTarget{state_->segments.back().file, state_->end};
}

// Allocates every segment that the entries need before any of them is written, so that a full disk changes nothing.
Result<void> Log::prepare_for(std::span<const Entry> entries) {
  std::uint64_t size = state_->segments.back().head.size;
  std::uint64_t used = state_->sealed ? size : state_->end.offset;
  std::size_t taken = 0;
  for (const Entry& entry : entries) {
    const std::uint64_t record = record_size(entry.body.size());
    if (used + record > size) {
      const std::uint32_t wanted = segment_size_for(state_->options, record);
      if (taken == state_->prepared.size() || state_->prepared[taken]->size < wanted) {
        if (auto made = allocate_own(taken, wanted); !made) {
          return made;
        }
      }
      used = segment_head_size;
      size = state_->prepared[taken]->size;
      ++taken;
    }
    used += record;
  }
  return {};
}

// Makes a segment of `size` bytes the one that the cut number `place` of this append will take.
Result<void> Log::allocate_own(std::size_t place, std::uint32_t size) {
  sometimes(size > state_->options.segment_size ? Mark::segment_for_one_record : Mark::spare_missing);
  const std::string suffix = fmt::format("own-{}", ++state_->allocated);
  const std::uint32_t sequence = state_->segments.back().head.sequence + 1;
  auto fresh = allocate_segment(state_->files, state_->options, sequence, suffix, size);
  if (!fresh) {
    return fresh.error();
  }
  state_->prepared.insert(state_->prepared.begin() + static_cast<std::ptrdiff_t>(place), std::move(*fresh));
  return {};
}

Result<void> Log::write_entry(const Entry& entry, RecordType type, const Marks& marks) {
  LogState& state = *state_;
  const bool fills = type == RecordType::repair;
  STRATA_ASSERT(entry.index >= state.first_index && entry.index <= state.last_index().next());
  STRATA_ASSERT(!fills || (entry.index <= state.last_index() && is_missing(entry.index)));
  const std::uint64_t record = record_size(entry.body.size());
  if (!fits(state, record)) {
    if (auto done = cut(); !done) {
      return done;
    }
  }
  RecordHeader header;
  header.type = type;
  header.body_size = static_cast<std::uint32_t>(entry.body.size());
  header.term = entry.term;
  header.index = entry.index;
  const Position position = state.end;
  put_record(header, entry.body.view(), marks);
  if (fills) {
    state.fill(entry.index, entry.term, position);
  } else {
    state.place(entry.index, entry.term, position);
  }
  return state.buffer.size() >= write_chunk ? flush() : Result<void>();
}

// There is room for it.
void Log::put_record(RecordHeader header, BytesView body, const Marks& marks) {
  LogState& state = *state_;
  header.link = state.link;
  header.position = state.end;
  header.marks = Marks{std::max(marks.synced, state.synced), marks.commit_index};
  state.link = encode_record(state.buffer, header, body, state.identity);
  state.end.offset += static_cast<std::uint32_t>(record_size(body.size()));
}

Result<void> Log::flush() {
  Bytes& buffer = state_->buffer;
  auto written = write_all(*state_->segments.back().file, state_->end.offset - buffer.size(), buffer);
  buffer.clear();
  return written;
}

// Ends the last segment and begins the next, in an order by which the next one's existence proves this one whole.
Result<void> Log::cut() {
  LogState& state = *state_;
  if (!state.buffer.empty()) {
    sometimes(Mark::segment_cut_in_batch);
  }
  if (auto flushed = flush(); !flushed) {
    return flushed;
  }
  if (auto synced = state.segments.back().file->sync(); !synced) {
    return synced;
  }
  SegmentHead head;
  head.cluster = state.options.cluster;
  head.node = state.options.node;
  head.sequence = state.segments.back().head.sequence + 1;
  head.previous_link = state.link;
  head.previous_end = state.end.offset;
  head.last_index = state.last_index();
  head.last_term = state.last_term;
  Result<Segment> begun = begin_segment(state.files, state.options, *state.prepared.front(), head);
  if (!begun) {
    return begun.error();
  }
  state.prepared.pop_front();
  state.sealed = false;
  state.link = begun->checksum;
  state.end = Position{head.sequence, segment_head_size};
  state.synced = state.end;
  state.segments.push_back(std::move(*begun));
  return {};
}

// Synced before it returns: no segment may go while the log on the disk still ends with other entries.
Result<void> Log::restart(EntryId base, const Marks& marks) {
  LogState& state = *state_;
  const std::uint64_t record = record_size(0);
  if (!fits(state, record)) {
    const std::uint32_t wanted = segment_size_for(state.options, record);
    if (state.prepared.empty() || state.prepared.front()->size < wanted) {
      if (auto made = allocate_own(0, wanted); !made) {
        return made;
      }
    }
    if (auto done = cut(); !done) {
      return beyond_repair(done.error());
    }
  }
  RecordHeader header;
  header.type = RecordType::restart;
  header.term = base.term;
  header.index = base.index;
  put_record(header, {}, marks);
  state.restart(base);
  state.restart_due = false;
  Result<void> done = flush();
  if (done) {
    done = state.segments.back().file->sync();
  }
  return done ? done : Result<void>(beyond_repair(done.error()));
}

// The first index from `from` on whose record stands where it was appended; behind the last when there is none.
LogIndex Log::first_in_place(LogIndex from) const {
  while (from <= state_->last_index() && (is_missing(from) || state_->repaired.contains(from))) {
    from = from.next();
  }
  return from;
}

std::vector<std::string> Log::release(LogIndex up_to) {
  LogState& state = *state_;
  std::vector<std::string> released;
  if (up_to == LogIndex()) {
    return released;  // segments of overridden entries alone: without a snapshot they would be missed
  }
  const LogIndex first_needed = std::max(up_to.next(), state.first_index);
  const LogIndex in_place = first_in_place(first_needed);
  std::uint32_t needed = in_place > state.last_index() ? state.end.segment : state.position_of(in_place).segment;
  for (auto index = state.repaired.lower_bound(first_needed); index != state.repaired.end(); ++index) {
    needed = std::min(needed, state.position_of(*index).segment);
  }
  while (state.segments.front().head.sequence < needed) {
    sometimes(Mark::segment_released);
    released.push_back(state.segments.front().path);
    state.segments.erase(state.segments.begin());
    forget_released(first_needed);
  }
  return released;
}

// Every entry up to the last one before `first_needed` whose record has gone.
void Log::forget_released(LogIndex first_needed) {
  LogState& state = *state_;
  LogIndex first = state.first_index;
  const LogIndex end = std::min(first_needed, state.last_index().next());
  for (LogIndex index = first; index < end; index = index.next()) {
    const bool gone = state.position_of(index).segment < state.segments.front().head.sequence;
    if (gone) {
      first = index.next();
    } else if (!state.repaired.contains(index)) {
      break;
    }
  }
  state.positions.erase(state.positions.begin(),
                        state.positions.begin() + static_cast<std::ptrdiff_t>(first - state.first_index));
  state.repaired.erase(state.repaired.begin(), state.repaired.lower_bound(first));
  state.first_index = first;
}

LogIndex Log::first_index() const {
  return state_->first_index;
}

std::optional<std::uint32_t> Log::wants_spare() const {
  if (!state_->prepared.empty()) {
    return std::nullopt;
  }
  return state_->segments.back().head.sequence + 1;
}

void Log::give_spare(std::unique_ptr<PreparedSegment> spare) {
  state_->prepared.push_back(std::move(spare));
}

}  // namespace strata::wal
