#include "wal/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "wal/io.hpp"

namespace strata::wal {

static constexpr std::size_t read_chunk = 1 << 20;
static constexpr std::size_t probe_chunk = 64 << 10;

Result<std::unique_ptr<LogState>> Recovery::run() {
  state_->identity = identity_of(options().cluster, options().node);
  const Result<std::vector<std::string>> names = files_.list(options().directory);
  if (!names) {
    return names.error();
  }
  Result<void> done = open_segments(*names);
  if (done) {
    done = tidy_directory(*names);
  }
  if (done && state_->segments.empty()) {
    done = create_first();
  }
  if (done) {
    done = read_segments();
  }
  if (done) {
    done = finish();
  }
  if (!done) {
    return done.error();
  }
  report();
  return std::move(state_);
}

Term Recovery::term_at(LogIndex index) const {
  const std::vector<TermRun>& runs = state_->recovered.term_runs;
  const auto later = std::upper_bound(runs.begin(), runs.end(), index,
                                      [](LogIndex wanted, const TermRun& run) { return wanted < run.first; });
  return std::prev(later)->term;
}

// The log and the snapshot must make one whole: the log holds the snapshot's last entry, or begins just behind it, or
// has nothing that is still of use.
Result<void> Recovery::join_snapshot() {
  const LogIndex before_first = state_->first_index - 1;
  if (before_first > snapshot_.index) {
    return damage_at(state_->segments.front().path, 0, state_->first_index,
                     {ErrorKind::damaged, fmt::format("the log begins here, but the newest snapshot that can be read "
                                                      "ends at index {}",
                                                      snapshot_.index)});
  }
  bool joined = snapshot_.index <= state_->last_index();
  if (joined && snapshot_.index > before_first) {
    joined = term_at(snapshot_.index) == snapshot_.term;
  } else if (joined) {
    joined = base_term_.value_or(snapshot_.term) == snapshot_.term;
    base_term_ = snapshot_.term;
  }
  if (snapshot_.index > LogIndex()) {
    sometimes(joined ? Mark::started_from_snapshot : Mark::log_begun_anew_at_start);
  }
  if (!joined) {
    state_->recovered.term_runs.clear();
    state_->restart_due = true;
  } else if (!base_term_) {
    drop_first();
  }
  return {};
}

// Nothing is known of the entry before the first one, so the first one becomes what the log stands on.
void Recovery::drop_first() {
  std::vector<TermRun>& runs = state_->recovered.term_runs;
  const LogIndex first = state_->first_index;
  base_term_ = runs.front().term;
  state_->positions.pop_front();
  state_->first_index = first.next();
  if (state_->positions.empty() || (runs.size() > 1 && runs[1].first == first.next())) {
    runs.erase(runs.begin());
  } else {
    runs.front().first = first.next();
  }
}

// The last segment's records have ended: at the end of the log, at a torn record, or at a damaged one. Everything
// before the highest synced mark was once on the disk; so what is bad before it has not been torn by a loss of power.
Result<void> Recovery::finish() {
  Segment& segment = state_->segments.back();
  const Result<Tail> tail = examine_tail(segment);
  if (!tail) {
    return tail.error();
  }
  if (std::max(synced_mark_, tail->synced) > state_->end) {
    return bad_record(segment, end_reason_);
  }
  if (auto joined = join_snapshot(); !joined) {
    return joined;
  }
  if (auto done = cut(segment, *tail); !done) {
    return done;
  }
  state_->synced = state_->end;
  Recovered& found = state_->recovered;
  // A log that must begin anew still ends, for the segment that is begun next, with what its records say.
  const bool anew = state_->restart_due;
  found.base = anew ? snapshot_ : EntryId{state_->first_index - 1, *base_term_};
  found.last_index = anew ? snapshot_.index : state_->last_index();
  found.commit_index = std::max(std::min(found.commit_index, found.last_index), snapshot_.index);
  found.segments = state_->segments.size();
  return {};
}

// Looks for valid records at every place where one can begin: the kernel writes pages in any order, so they may stand
// behind a torn one. They count for nothing but their synced marks.
Result<Tail> Recovery::examine_tail(const Segment& segment) const {
  SegmentReader walk(segment, read_chunk);
  SegmentReader probe(segment, probe_chunk);
  Tail tail{state_->end.offset, {}};
  std::uint64_t skip_to = 0;
  for (std::uint64_t start = state_->end.offset; start < segment.file_size; start += read_chunk) {
    const Result<SharedBytes> bytes = walk.bytes(start, read_chunk);
    if (!bytes) {
      return bytes.error();
    }
    const BytesView view = bytes->view();
    if (all_zero(view)) {
      continue;
    }
    tail.end = start + view.find_last_not_of('\0') + 1;
    for (std::size_t i = 0; i + sizeof record_magic <= view.size(); i += record_alignment) {
      std::uint32_t magic = 0;
      std::memcpy(&magic, view.data() + i, sizeof magic);
      if (magic != record_magic || start + i < skip_to) {
        continue;
      }
      if (const Result<CheckedHeader> header = probe.header(start + i)) {
        sometimes(Mark::record_behind_torn_one);
        tail.synced = std::max(tail.synced, header->header.marks.synced);
        skip_to = probe.record(start + i) ? start + i + record_size(header->header.body_size) : skip_to;
      }
    }
  }
  return tail;
}

// Makes all behind the last record zero again, and the file as long as it was, before anything is appended: what is
// left there must never be taken for a record later.
Result<void> Recovery::cut(Segment& segment, const Tail& tail) {
  const std::uint64_t from = state_->end.offset;
  state_->recovered.torn_bytes = tail.end - from;
  if (tail.end == from && segment.file_size == segment.head.size) {
    return {};
  }
  sometimes(Mark::torn_tail_cut);
  logger_.warning("log: {} torn bytes cut from {} at offset {}, behind index {}: {}", tail.end - from, segment.path,
                  from, state_->last_index(), end_reason_.text);
  if (auto zeroed = write_zeros(*segment.file, from, tail.end, 0); !zeroed) {
    return zeroed;
  }
  if (auto filled = write_zeros(*segment.file, segment.file_size, segment.head.size, 0); !filled) {
    return filled;
  }
  segment.file_size = segment.head.size;
  return segment.file->sync();
}

void Recovery::report() const {
  const Recovered& found = state_->recovered;
  logger_.info("log: {} records, {} bytes in {} segments; last index {}, committed at least up to {}", found.records,
               found.bytes, found.segments, found.last_index, found.commit_index);
}

Result<std::unique_ptr<LogState>> recover(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot) {
  return Recovery(files, std::move(options), logger, snapshot).run();
}

}  // namespace strata::wal
