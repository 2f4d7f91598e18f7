#include "wal/data_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/segment.hpp"

namespace strata::wal {

namespace {

Error lost(const std::string& directory, const char* what) {
  return {ErrorKind::damaged, directory + ": " + what + " (the cure is --rejoin)"};
}

Result<void> check_owner(const LogOptions& options, const Metadata& found) {
  if (found.cluster == options.cluster && found.node == options.node) {
    return {};
  }
  return Error{ErrorKind::mismatch,
               fmt::format("{} belongs to node {} of cluster {:016x}, this is node {} of cluster {:016x}",
                           options.directory, found.node, found.cluster, options.node, options.cluster)};
}

// A new directory's metadata starts at incarnation 0 and is raised only when the log is there as well. So metadata that
// is missing beside a log, or a log that is missing beside raised metadata, was there once and is lost.
Result<std::unique_ptr<MetadataFile>> open_metadata(FileSystem& files, const LogOptions& options) {
  const Result<std::vector<std::string>> names = files.list(options.directory);
  if (!names) {
    return names.error();
  }
  const bool has_log =
      std::any_of(names->begin(), names->end(), [](const std::string& name) { return segment_sequence(name); });
  const bool has_metadata = std::find(names->begin(), names->end(), MetadataFile::name) != names->end();
  if (has_log && !has_metadata) {
    return lost(options.directory, "there is a log, but the metadata file with term and vote is missing");
  }
  Metadata initial;
  initial.cluster = options.cluster;
  initial.node = options.node;
  auto metadata = MetadataFile::open(files, options.directory, initial);
  if (!metadata) {
    return metadata;
  }
  if (auto ours = check_owner(options, (*metadata)->current()); !ours) {
    return ours.error();
  }
  if (!has_log && (*metadata)->current().incarnation != Incarnation(0)) {
    return lost(options.directory, "there is a metadata file, but the log is missing");
  }
  return metadata;
}

}  // namespace

Result<DataDirectory> open_data_directory(FileSystem& files, const LogOptions& options, Logger& logger) {
  if (auto made = files.make_directory(options.directory); !made) {
    return made.error();
  }
  DataDirectory opened;
  Result<std::unique_ptr<FileLock>> lock = files.lock(options.directory + "/lock");
  if (!lock) {
    return lock.error();
  }
  opened.lock = std::move(*lock);
  Result<std::unique_ptr<MetadataFile>> metadata = open_metadata(files, options);
  if (!metadata) {
    return metadata.error();
  }
  opened.metadata = std::move(*metadata);
  Result<std::unique_ptr<SnapshotStore>> snapshots = SnapshotStore::open(files, options, logger);
  if (!snapshots) {
    return snapshots.error();
  }
  opened.snapshots = std::move(*snapshots);
  Result<std::unique_ptr<Log>> log = Log::open(files, options, logger, opened.snapshots->newest());
  if (!log) {
    return log.error();
  }
  opened.log = std::move(*log);
  Metadata raised = opened.metadata->current();
  raised.incarnation = raised.incarnation.next();
  // A snapshot is stored beside the metadata, not after it: the process may have ended before its term was saved. Then
  // nothing was said in that term, and no vote given.
  if (const Term stored = opened.snapshots->newest().term; stored > raised.term) {
    raised.term = stored;
    raised.vote = NodeId();
  }
  if (auto saved = opened.metadata->save(raised); !saved) {
    return saved.error();
  }
  return opened;
}

}  // namespace strata::wal
