#include "wal/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "wal/io.hpp"

namespace strata::wal {

Result<std::unique_ptr<LogState>> Recovery::run() {
  state_->identity = identity_of(options().cluster, options().node);
  synced_mark_ = options().synced;
  const Result<std::vector<std::string>> names = files_.list(options().directory);
  if (!names) {
    return names.error();
  }
  Result<void> done = read_strictly(*names);
  const bool unreadable = !done && may_read_on_ && done.error().kind != ErrorKind::mismatch;
  if (unreadable && options().repairable) {
    done = read_on(Error(done.error()));
  }
  if (!done) {
    return done.error();
  }
  report();
  return std::move(state_);
}

Result<void> Recovery::read_strictly(const std::vector<std::string>& names) {
  Result<void> done = open_segments(names);
  if (done) {
    done = tidy_directory(names);
  }
  if (done && state_->segments.empty()) {
    done = create_first();
  }
  if (!done) {
    return done;
  }
  may_read_on_ = true;
  Tail tail;
  done = read_segments();
  if (done) {
    done = examine_end(tail);
  }
  if (done) {
    done = join_snapshot();
  }
  if (!done) {
    return done;
  }
  may_read_on_ = false;
  return finish(tail);
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
// Where there was none, the end of the process can have cut short only what was written last.
Result<void> Recovery::examine_end(Tail& tail) {
  const Result<Tail> found = examine_tail(state_->segments.back(), state_->end.offset);
  if (!found) {
    return found.error();
  }
  tail = *found;
  if (tail.synced > Position{}) {
    sometimes(Mark::record_behind_torn_one);
  }
  const bool synced_once = std::max(synced_mark_, tail.synced) > state_->end;
  if (synced_once || (options().only_process_died && tail.last_header > state_->end.offset)) {
    return bad_record(state_->segments.back(), end_reason_);
  }
  return {};
}

Result<void> Recovery::finish(const Tail& tail) {
  if (auto done = cut(state_->segments.back(), tail); !done) {
    return done;
  }
  state_->vouched = synced_mark_;
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
