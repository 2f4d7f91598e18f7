#include "wal/inspection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "wal/forgiving_file.hpp"
#include "wal/log_reading.hpp"

namespace strata::wal {

namespace {

class Inspector {
 public:
  Inspector(ReadOnlyFiles& files, const std::string& directory, InspectionVisitor& visitor)
      : files_(files), directory_(directory), visitor_(visitor) {}

  Result<Inspection> run();

 private:
  Result<void> read_metadata();
  void judge_slots(const std::array<MetadataSlot, 2>& slots);
  void find_owner(const std::vector<SegmentFile>& segments);
  void say_unreadable(const std::vector<SegmentFile>& segments);
  void read_snapshot(const std::string& name);
  Result<SnapshotFile> read_whole(const std::string& name, std::uint64_t& offset);
  void say_log_is_missing();
  void say(Verdict verdict, const std::string& file, std::uint64_t offset, std::uint64_t length, std::string reason);

  ReadOnlyFiles& files_;
  const std::string& directory_;
  InspectionVisitor& visitor_;
  Inspection found_;
};

Result<Inspection> Inspector::run() {
  const Result<std::vector<std::string>> names = files_.list(directory_);
  if (!names) {
    return names.error();
  }
  Result<std::vector<SegmentFile>> segments = list_segments(files_, directory_, *names);
  if (!segments) {
    return segments.error();
  }
  const bool has_metadata = std::ranges::count(*names, MetadataFile::name) > 0;
  const bool has_snapshots =
      std::ranges::any_of(*names, [](const std::string& name) { return snapshot_index(name).has_value(); });
  if (segments->empty() && !has_metadata && !has_snapshots) {
    return Error{ErrorKind::not_found,
                 directory_ + " is no data directory: no log, no snapshot and no metadata is there"};
  }
  if (!has_metadata) {
    say(Verdict::damaged, MetadataFile::name, 0, 0, "the file with term and vote is missing");
  } else if (auto read = read_metadata(); !read) {
    return read.error();
  }
  find_owner(*segments);
  for (const std::string& name : *names | std::views::reverse) {
    if (snapshot_index(name) && found_.owner) {
      read_snapshot(name);
    }
  }
  if (!found_.owner) {
    say_unreadable(*segments);
  } else if (!segments->empty()) {
    KnownOfLog known;  // and how the last process ended only its run directory tells
    known.synced = found_.metadata ? found_.metadata->synced : Position{};
    if (auto read = LogReading(files_, found_, visitor_, known).read(std::move(*segments)); !read) {
      return read.error();
    }
  } else if (!found_.metadata || found_.metadata->incarnation > Incarnation(0) || has_snapshots) {
    say_log_is_missing();
  }
  return std::move(found_);
}

Result<void> Inspector::read_metadata() {
  Result<std::unique_ptr<File>> file = files_.open_to_read(directory_ + "/" + MetadataFile::name);
  if (!file) {
    return file.error();
  }
  ForgivingFile forgiving(std::move(*file));
  const Result<std::array<MetadataSlot, 2>> slots = read_metadata_slots(forgiving);
  if (!slots) {
    return slots.error();
  }
  judge_slots(*slots);
  return {};
}

void Inspector::judge_slots(const std::array<MetadataSlot, 2>& slots) {
  const char* const file = MetadataFile::name;
  std::uint64_t version = 0;
  for (const MetadataSlot& slot : slots) {
    if (slot.metadata && (!found_.metadata || slot.version > version)) {
      found_.metadata = slot.metadata;
      version = slot.version;
    }
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::uint64_t offset = i * metadata_slot_size;
    if (slots[i].newer) {
      say(Verdict::refused, file, offset, metadata_slot_size, "a newer version of Strata wrote it");
    } else if (!slots[i].metadata && found_.metadata) {
      say(Verdict::torn, file, offset, metadata_slot_size,
          "the checksum is wrong; the other copy of term and vote holds");
    } else if (!slots[i].metadata) {
      say(Verdict::damaged, file, offset, metadata_slot_size, "the checksum is wrong: term and vote are unreadable");
    }
  }
}

void Inspector::find_owner(const std::vector<SegmentFile>& segments) {
  const auto good = std::ranges::find_if(segments, [](const SegmentFile& file) { return file.head.has_value(); });
  if (found_.metadata) {
    found_.owner = Owner{found_.metadata->cluster, found_.metadata->node};
    found_.owner_from = MetadataFile::name;
  } else if (good != segments.end()) {
    found_.owner = Owner{good->head->head.cluster, good->head->head.node};
    found_.owner_from = good->name;
  }
}

// Nothing says whose log it is, and a record is good only if it is the owner's.
void Inspector::say_unreadable(const std::vector<SegmentFile>& segments) {
  found_.segments = segments.size();
  for (const SegmentFile& file : segments) {
    const bool refused = file.reason.kind == ErrorKind::mismatch;
    say(refused ? Verdict::refused : Verdict::damaged, file.name, 0, file.size, file.reason.text);
  }
}

void Inspector::read_snapshot(const std::string& name) {
  std::uint64_t offset = 0;
  const Result<SnapshotFile> file = read_whole(name, offset);
  if (file) {
    found_.snapshots.push_back(*file);
    return;
  }
  const bool refused = file.error().kind == ErrorKind::mismatch;
  say(refused ? Verdict::refused : Verdict::damaged, name, offset, 0, file.error().text);
}

// On an error, `offset` says where.
Result<SnapshotFile> Inspector::read_whole(const std::string& name, std::uint64_t& offset) {
  LogOptions options;
  options.directory = directory_;
  options.cluster = found_.owner->cluster;
  options.node = found_.owner->node;
  const auto reader = SnapshotReader::open(files_, options, directory_ + "/" + name);
  if (!reader) {
    return reader.error();
  }
  const SnapshotFile& file = (*reader)->file();
  for (std::uint64_t done = 0; done < file.size;) {
    offset = SnapshotReader::place_of(done / SnapshotReader::block_size);
    const Result<Bytes> content = (*reader)->read(done, SnapshotReader::block_size);
    if (!content) {
      return content.error();
    }
    done += content->size();
  }
  return file;
}

// With all that it held behind the snapshot.
void Inspector::say_log_is_missing() {
  Finding finding;
  finding.file = "wal-*.log";
  finding.first = found_.snapshot().index.next();
  finding.reason = "the log is missing";
  report(found_, visitor_, finding);
}

void Inspector::say(Verdict verdict, const std::string& file, std::uint64_t offset, std::uint64_t length,
                    std::string reason) {
  Finding finding;
  finding.verdict = verdict;
  finding.file = file;
  finding.offset = offset;
  finding.length = length;
  finding.reason = std::move(reason);
  report(found_, visitor_, finding);
}

}  // namespace

Result<Inspection> inspect(ReadOnlyFiles& files, const std::string& directory, InspectionVisitor& visitor) {
  return Inspector(files, directory, visitor).run();
}

}  // namespace strata::wal
