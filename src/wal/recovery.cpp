#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "wal/io.hpp"
#include "wal/log_state.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t read_chunk = 1 << 20;
constexpr std::size_t probe_chunk = 64 << 10;
constexpr std::uint64_t progress_every = 256 << 20;

// What stands from a place on that holds no valid record of the chain.
struct Tail {
  std::uint64_t end = 0;  // behind the last byte that is not zero
  Position synced;        // the highest synced mark of the valid records in it
};

// One opening of the log, from the listing of the directory to a state that may be appended to.
class Recovery {
 public:
  Recovery(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot)
      : files_(files),
        logger_(logger),
        snapshot_(snapshot),
        state_(std::make_unique<LogState>(files, std::move(options))) {}

  Result<std::unique_ptr<LogState>> run();

 private:
  const LogOptions& options() const { return state_->options; }

  Result<void> open_segments(const std::vector<std::string>& names);
  Result<void> open_segment(std::uint32_t sequence);
  Result<void> read_head(Segment& segment, std::uint32_t sequence) const;
  Result<void> check_head(const Segment& segment) const;
  Error bad_head(const Segment& segment, std::uint32_t sequence, const Error& reason) const;
  Result<void> tidy_directory(const std::vector<std::string>& names);
  Result<void> create_first();

  Result<void> read_segments();
  Result<void> read_segment(const Segment& segment, const SegmentHead* next);
  Result<Record> next_record(SegmentReader& reader) const;
  void take(const Record& record);
  void take_entry(const RecordHeader& header);
  LogIndex least_index() const;
  Result<void> check_close(const Segment& segment, const SegmentHead& next) const;
  Error bad_record(const Segment& segment, const Error& reason) const;

  Result<void> join_snapshot();
  Term term_at(LogIndex index) const;
  void drop_first();
  Result<void> finish();
  Result<Tail> examine_tail(const Segment& segment) const;
  Result<void> cut(Segment& segment, const Tail& tail);
  void report_progress();
  void report() const;

  FileSystem& files_;
  Logger& logger_;
  EntryId snapshot_;
  std::unique_ptr<LogState> state_;
  std::optional<Term> base_term_{Term(0)};  // of the entry before the first; nothing: it is not known
  std::uint32_t first_sequence_ = 1;
  bool restarted_ = false;                    // by a record
  Position synced_mark_;                      // the highest of the valid records and heads
  Error end_reason_{ErrorKind::damaged, ""};  // why the last segment's records end where they do
  std::uint64_t total_bytes_ = 0;             // of all segments
  std::uint64_t reported_bytes_ = 0;
};

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

Result<void> Recovery::open_segments(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::optional<std::uint32_t> sequence = segment_sequence(name);
    if (!sequence) {
      continue;
    }
    if (state_->segments.empty() && snapshot_.index > LogIndex(0)) {
      first_sequence_ = *sequence;  // what came before may have been released
    }
    const auto expected = static_cast<std::uint32_t>(state_->segments.size() + first_sequence_);
    if (*sequence != expected) {
      return damage_at(segment_path(options().directory, expected), 0, LogIndex(0),
                       {ErrorKind::damaged, fmt::format("the segment is missing, but there is {}", name)});
    }
    if (auto opened = open_segment(*sequence); !opened) {
      return opened;
    }
  }
  return {};
}

Result<void> Recovery::open_segment(std::uint32_t sequence) {
  Segment segment;
  segment.path = segment_path(options().directory, sequence);
  Result<std::unique_ptr<File>> file = files_.open(segment.path);
  if (!file) {
    return file.error();
  }
  segment.file = std::move(*file);
  // What an earlier process wrote may still be in the kernel alone: it is trusted only once it is on the disk.
  if (auto synced = segment.file->sync(); !synced) {
    return synced;
  }
  const Result<std::uint64_t> size = segment.file->size();
  if (!size) {
    return size.error();
  }
  segment.file_size = *size;
  if (auto read = read_head(segment, sequence); !read) {
    return read;
  }
  total_bytes_ += segment.file_size;
  state_->segments.push_back(std::move(segment));
  return {};
}

Result<void> Recovery::read_head(Segment& segment, std::uint32_t sequence) const {
  Bytes bytes(segment_head_size, '\0');
  const Result<std::size_t> read = read_all(*segment.file, 0, bytes);
  if (!read) {
    return read.error();
  }
  const Result<CheckedHead> checked = decode_segment_head(BytesView(bytes).substr(0, *read));
  if (!checked) {
    return bad_head(segment, sequence, checked.error());
  }
  segment.head = checked->head;
  segment.checksum = checked->checksum;
  if (auto good = check_head(segment); !good) {
    return bad_head(segment, sequence, good.error());
  }
  return {};
}

Result<void> Recovery::check_head(const Segment& segment) const {
  const SegmentHead& head = segment.head;
  if (head.cluster != options().cluster || head.node != options().node) {
    return Error{ErrorKind::mismatch,
                 fmt::format("the segment belongs to node {} of cluster {:016x}, this is node {} of cluster {:016x}",
                             head.node, head.cluster, options().node, options().cluster)};
  }
  if (head.sequence != state_->segments.size() + first_sequence_) {
    return Error{ErrorKind::damaged, fmt::format("the segment's head has the number {}", head.sequence)};
  }
  if (head.size < segment_head_size || head.size > max_segment_size || segment.file_size > head.size) {
    return Error{ErrorKind::damaged,
                 fmt::format("the file has {} bytes, its head says {}", segment.file_size, head.size)};
  }
  return {};
}

// The index of the segment's first record goes into the text when that record can still be read.
Error Recovery::bad_head(const Segment& segment, std::uint32_t sequence, const Error& reason) const {
  Bytes bytes(record_header_size, '\0');
  const Result<std::size_t> read = read_all(*segment.file, segment_head_size, bytes);
  LogIndex index;
  if (read && *read == bytes.size()) {
    const Result<CheckedHeader> first =
        decode_record_header(bytes, state_->identity, Position{sequence, segment_head_size});
    index = first ? first->header.index : LogIndex(0);
  }
  return damage_at(segment.path, 0, index, reason);
}

// Only after every head has been found to be ours. The names that are there may not be on the disk yet.
Result<void> Recovery::tidy_directory(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!is_temporary_segment(name)) {
      continue;
    }
    sometimes(Mark::temporary_segment_removed);
    if (auto removed = files_.remove(options().directory + "/" + name); !removed) {
      return removed;
    }
  }
  return files_.sync_directory(options().directory);
}

Result<void> Recovery::create_first() {
  auto prepared = allocate_segment(files_, options(), 1, "own", segment_size_for(options(), 0));
  if (!prepared) {
    return prepared.error();
  }
  SegmentHead head;
  head.cluster = options().cluster;
  head.node = options().node;
  head.sequence = 1;
  Result<Segment> begun = begin_segment(files_, options(), **prepared, head);
  if (!begun) {
    return begun.error();
  }
  state_->segments.push_back(std::move(*begun));
  return {};
}

Result<void> Recovery::read_segments() {
  const std::vector<Segment>& segments = state_->segments;
  const SegmentHead& first = segments.front().head;
  state_->restart({first.last_index, first.last_term});
  base_term_ = first.last_term;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentHead* next = i + 1 < segments.size() ? &segments[i + 1].head : nullptr;
    if (auto read = read_segment(segments[i], next); !read) {
      return read;
    }
  }
  return {};
}

// Reads the records of a segment: of all but the last one the next one's head says where they end.
Result<void> Recovery::read_segment(const Segment& segment, const SegmentHead* next) {
  state_->end = Position{segment.head.sequence, segment_head_size};
  state_->link = segment.checksum;
  synced_mark_ = std::max(synced_mark_, state_->end);
  SegmentReader reader(segment, read_chunk);
  while (next == nullptr || state_->end.offset < next->previous_end) {
    const Result<Record> record = next_record(reader);
    if (record) {
      take(*record);
      continue;
    }
    if (record.error().kind == ErrorKind::io) {
      return record.error();
    }
    if (next != nullptr || record.error().kind != ErrorKind::damaged) {
      return bad_record(segment, record.error());
    }
    end_reason_ = record.error();
    return {};
  }
  return check_close(segment, *next);
}

Result<Record> Recovery::next_record(SegmentReader& reader) const {
  Result<Record> record = reader.record(state_->end.offset);
  if (record && record->header.link != state_->link) {
    return Error{ErrorKind::damaged, "the record does not follow the one before it"};
  }
  if (record && record->header.type == RecordType::entry &&
      (record->header.index < least_index() || record->header.index > state_->last_index().next())) {
    return Error{ErrorKind::damaged, fmt::format("the record's index is {}", record->header.index)};
  }
  return record;
}

void Recovery::take(const Record& record) {
  const RecordHeader& header = record.header;
  Recovered& found = state_->recovered;
  if (header.type == RecordType::restart) {
    sometimes(Mark::restart_record_read);
    state_->restart({header.index, header.term});
    base_term_ = header.term;
    restarted_ = true;
    found.term_runs.clear();
  } else {
    take_entry(header);
  }
  state_->link = record.checksum;
  state_->end.offset += static_cast<std::uint32_t>(record.size);
  synced_mark_ = std::max(synced_mark_, header.marks.synced);
  found.commit_index = std::max(found.commit_index, header.marks.commit_index);
  found.records += 1;
  found.bytes += record.size;
  report_progress();
}

// An override may reach back before the first entry that is left: the entries between were in segments that are gone.
void Recovery::take_entry(const RecordHeader& header) {
  std::vector<TermRun>& runs = state_->recovered.term_runs;
  if (header.index < state_->first_index) {
    state_->positions.clear();
    state_->first_index = header.index;
    base_term_.reset();
  }
  state_->place(header.index, header.term, header.position);
  while (!runs.empty() && runs.back().first >= header.index) {
    runs.pop_back();
  }
  if (runs.empty() || runs.back().term != header.term) {
    runs.push_back(TermRun{header.term, header.index});
  }
}

// An entry's index is at least this.
LogIndex Recovery::least_index() const {
  const bool may_reach_back = !restarted_ && first_sequence_ > 1;
  return may_reach_back ? LogIndex(1) : state_->first_index;
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
    state_->restart(snapshot_);
    state_->recovered.term_runs.clear();
    state_->restart_due = true;
    base_term_ = snapshot_.term;
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

Result<void> Recovery::check_close(const Segment& segment, const SegmentHead& next) const {
  if (state_->end.offset == next.previous_end && state_->link == next.previous_link &&
      state_->last_index() == next.last_index && state_->last_term == next.last_term) {
    return {};
  }
  return bad_record(segment, {ErrorKind::damaged, "the next segment was begun behind other records than these"});
}

// The index is the bad record's own if its header can be read, else the one that was to be expected.
Error Recovery::bad_record(const Segment& segment, const Error& reason) const {
  SegmentReader reader(segment, record_header_size);
  const Result<CheckedHeader> header = reader.header(state_->end.offset);
  return damage_at(segment.path, state_->end.offset, header ? header->header.index : state_->last_index().next(),
                   reason);
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
  found.base = {state_->first_index - 1, *base_term_};
  found.last_index = state_->last_index();
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

void Recovery::report_progress() {
  const std::uint64_t done = state_->recovered.bytes;
  if (done - reported_bytes_ >= progress_every) {
    reported_bytes_ = done;
    logger_.info("log: {} of at most {} MiB read, {} records", done >> 20, total_bytes_ >> 20,
                 state_->recovered.records);
  }
}

void Recovery::report() const {
  const Recovered& found = state_->recovered;
  logger_.info("log: {} records, {} bytes in {} segments; last index {}, committed at least up to {}", found.records,
               found.bytes, found.segments, found.last_index, found.commit_index);
}

}  // namespace

Result<std::unique_ptr<LogState>> recover(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot) {
  return Recovery(files, std::move(options), logger, snapshot).run();
}

}  // namespace strata::wal
