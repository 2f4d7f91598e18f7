#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/io.hpp"
#include "wal/recovery.hpp"

namespace strata::wal {

namespace {

std::string indexes_of(const Finding& finding) {
  if (finding.first == LogIndex(0)) {
    return "no entry that holds";
  }
  if (finding.first == finding.last) {
    return fmt::format("index {}", finding.first);
  }
  return finding.last == LogIndex(0) ? fmt::format("from index {}", finding.first)
                                     : fmt::format("indexes {} to {}", finding.first, finding.last);
}

}  // namespace

// All that can be read is kept where it stands. Nothing is written but zeros behind the log's end.
Result<void> Recovery::read_on(const Error& reason) {
  const Result<std::vector<std::string>> names = files_.list(options().directory);  // some may have been removed
  if (!names) {
    return names.error();
  }
  state_ = std::make_unique<LogState>(files_, LogOptions(options()));
  state_->identity = identity_of(options().cluster, options().node);
  Result<std::vector<SegmentFile>> segments = list_segments(files_, options().directory, *names);
  if (!segments) {
    return segments.error();
  }
  for (std::size_t i = 1; i < segments->size(); ++i) {
    if ((*segments)[i].sequence != (*segments)[i - 1].sequence + 1) {
      return reason;  // a file is gone: that is no decay
    }
  }
  Result<void> done = take_segments(*segments);
  if (done) {
    done = tidy_directory(*names);
  }
  if (!done) {
    return done;
  }
  Inspection found;
  found.owner = Owner{options().cluster, options().node};
  if (snapshot_.index > LogIndex()) {
    found.snapshots.push_back({snapshot_, 0, {}});
  }
  HoledLog log;
  const KnownOfLog known{options().synced, options().only_process_died};
  if (auto read = LogReading(files_, found, log, known).read(std::move(*segments)); !read) {
    return read;
  }
  done = take_entries(log, found);
  report_damage(log);
  return done;
}

Result<void> Recovery::take_segments(const std::vector<SegmentFile>& found) {
  for (const SegmentFile& file : found) {
    const bool foreign =
        file.head && (file.head->head.cluster != options().cluster || file.head->head.node != options().node);
    if (foreign || (!file.head && file.reason.kind == ErrorKind::mismatch)) {
      return damage_at(
          file.path, 0, LogIndex(0),
          {ErrorKind::mismatch, foreign ? "the segment belongs to another node or cluster" : file.reason.text});
    }
    if (auto taken = take_segment(file); !taken) {
      return taken;
    }
  }
  return {};
}

// Of a head that cannot be read, what its file's name and size tell.
Result<void> Recovery::take_segment(const SegmentFile& found) {
  Segment segment;
  segment.path = found.path;
  Result<std::unique_ptr<File>> file = files_.open(found.path);
  if (!file) {
    return file.error();
  }
  segment.file = std::move(*file);
  if (auto synced = segment.file->sync(); !synced) {
    return synced;
  }
  segment.file_size = found.size;
  if (found.head) {
    segment.head = found.head->head;
    segment.checksum = found.head->checksum;
  } else {
    segment.head.cluster = options().cluster;
    segment.head.node = options().node;
    segment.head.sequence = found.sequence;
    segment.head.size = static_cast<std::uint32_t>(std::min(found.size, max_segment_size));
  }
  state_->segments.push_back(std::move(segment));
  return {};
}

Result<void> Recovery::take_entries(HoledLog& log, const Inspection& found) {
  LogState& state = *state_;
  const bool joined = log.join(snapshot_);
  state.restart_due = !joined;
  state.first_index = log.base().index.next();
  state.positions = log.positions();
  state.repaired = log.repaired();
  state.last_term = log.last_term();
  base_term_ = log.base().term;
  Recovered& recovered = state.recovered;
  recovered.base = log.base();
  recovered.last_index = log.last_index();
  recovered.term_runs = log.term_runs();
  recovered.holes = log.holes();
  const LogIndex whole = recovered.holes.empty() ? recovered.last_index : recovered.holes.front().first - 1;
  recovered.commit_index = std::max(std::min(found.commit_index, whole), snapshot_.index);
  recovered.segments = found.segments;
  recovered.records = found.records;
  recovered.bytes = found.bytes;
  if (auto ended = end_log(log, found); !ended) {
    return ended;
  }
  recovered.is_damaged = !recovered.holes.empty() || recovered.end_unknown || (!joined && found.findings > 0);
  return {};
}

// Where the next record goes. Behind damage at the very end nothing is written: a new segment begins.
Result<void> Recovery::end_log(const HoledLog& log, const Inspection& found) {
  LogState& state = *state_;
  Segment& last = state.segments.back();
  const bool unreadable_behind = std::ranges::any_of(log.findings(), [&](const Finding& finding) {
    return finding.first == LogIndex(0) && finding.position.segment == last.head.sequence &&
           finding.offset + finding.length > found.end.offset;
  });
  state.recovered.end_unknown = log.end_unknown() || unreadable_behind || !found.link;
  if (!state.recovered.end_unknown) {
    state.end = found.end;
    state.link = *found.link;
    end_reason_ = {ErrorKind::damaged, "no record stands there"};
    if (auto done = cut(last, {found.end.offset + found.torn_bytes, {}}); !done) {
      return done;
    }
  } else {
    const bool within = found.sound_end.segment == last.head.sequence;
    state.end = within ? found.sound_end : Position{last.head.sequence, segment_head_size};
    state.link = within ? found.sound_link : 0;
    state.sealed = true;
  }
  state.synced = state.end;
  return {};
}

void Recovery::report_damage(const HoledLog& log) {
  const std::vector<Hole>& holes = state_->recovered.holes;
  for (const Finding& finding : log.findings()) {
    const bool concerns_hole = std::ranges::any_of(holes, [&](const Hole& hole) {
      return finding.first <= hole.last && (finding.last >= hole.first || finding.last == LogIndex(0));
    });
    if (finding.verdict == Verdict::damaged && (concerns_hole || finding.last == LogIndex(0))) {
      logger_.warning("log: {} is damaged at offset {}, {}: {}; it is to be repaired from the other members",
                      finding.file, finding.offset, indexes_of(finding), finding.reason);
    } else if (finding.verdict != Verdict::torn) {
      logger_.info("log: {} was damaged at offset {}, {}; no entry that holds is missing", finding.file, finding.offset,
                   indexes_of(finding));
    }
  }
}

}  // namespace strata::wal
