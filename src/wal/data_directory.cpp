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

struct Listed {
  bool has_log = false;
  bool has_snapshot = false;
  bool has_metadata = false;
};

Result<Listed> list(FileSystem& files, const std::string& directory) {
  const Result<std::vector<std::string>> names = files.list(directory);
  if (!names) {
    return names.error();
  }
  Listed listed;
  listed.has_log =
      std::ranges::any_of(*names, [](const std::string& name) { return segment_sequence(name).has_value(); });
  listed.has_snapshot =
      std::ranges::any_of(*names, [](const std::string& name) { return snapshot_index(name).has_value(); });
  listed.has_metadata = std::ranges::find(*names, MetadataFile::name) != names->end();
  return listed;
}

// A new directory's metadata starts at incarnation 0 and is raised only when the log is there as well; a snapshot comes
// later still. So metadata that is missing beside a log or a snapshot, or a log that is missing beside raised metadata
// or a snapshot, was there once and is lost.
bool lost_metadata(const Listed& listed) {
  return (listed.has_log || listed.has_snapshot) && !listed.has_metadata;
}
bool lost_log(const Listed& listed, const Metadata& found) {
  return !listed.has_log && (listed.has_snapshot || found.incarnation != Incarnation(0));
}

// Of a directory that has none.
Metadata initial_metadata(const LogOptions& options, const RunOptions& run) {
  Metadata initial;
  initial.cluster = options.cluster;
  initial.node = options.node;
  initial.admission = run.rejoin ? Admission::rejoining : Admission::asking;
  return initial;
}

// A node that rejoins needs no promises of its own: one that cannot be read is put aside, and a new one made.
Result<std::unique_ptr<MetadataFile>> open_metadata_file(FileSystem& files, const LogOptions& options,
                                                         const RunOptions& run, Logger& logger) {
  const Metadata initial = initial_metadata(options, run);
  auto metadata = MetadataFile::open(files, options.directory, initial);
  if (metadata || metadata.error().kind != ErrorKind::damaged || !run.rejoin) {
    return metadata;
  }
  logger.warning("{}; it is kept as {}", metadata.error().text, MetadataFile::unreadable_name);
  const std::string path = options.directory + "/";
  if (auto moved = files.rename(path + MetadataFile::name, path + MetadataFile::unreadable_name); !moved) {
    return moved.error();
  }
  return MetadataFile::open(files, options.directory, initial);
}

// Not lost by mistake: who rejoins takes the directory as it is.
Result<void> check_complete(const LogOptions& options, const Listed& listed, const Metadata& found,
                            const RunOptions& run) {
  if (!run.rejoin && lost_log(listed, found) && found.admission != Admission::rejoining) {
    return lost(options.directory, "there is a metadata file, but the log is missing");
  }
  return {};
}

// One that was admitted has nothing to rejoin for: its votes are here. Without its log it is not what was admitted.
Admission admission_of(const Metadata& found, const Listed& listed, const RunOptions& run, Logger& logger) {
  if (!run.rejoin || found.admission == Admission::rejoining) {
    return found.admission;
  }
  if (found.admission == Admission::member && !lost_log(listed, found)) {
    logger.info("--rejoin: this data directory takes part already, so it has no effect");
    return Admission::member;
  }
  return Admission::rejoining;
}

// Before there is a log: its absence is not seen twice.
Result<void> save_admission(MetadataFile& file, const Listed& listed, const RunOptions& run, Logger& logger) {
  Metadata metadata = file.current();
  metadata.admission = admission_of(metadata, listed, run, logger);
  if (metadata.admission == file.current().admission) {
    return {};
  }
  metadata.run.recovering = true;
  if (!listed.has_log) {
    metadata.synced = {};
  }
  return file.save(metadata);
}

Result<std::unique_ptr<MetadataFile>> open_metadata(FileSystem& files, const LogOptions& options, const RunOptions& run,
                                                    Logger& logger) {
  const Result<Listed> listed = list(files, options.directory);
  if (!listed) {
    return listed.error();
  }
  if (lost_metadata(*listed) && !run.rejoin) {
    return lost(options.directory, listed->has_log
                                       ? "there is a log, but the metadata file with term and vote is missing"
                                       : "there is a snapshot, but the metadata file with term and vote is missing");
  }
  auto metadata = open_metadata_file(files, options, run, logger);
  if (!metadata) {
    return metadata;
  }
  if (auto ours = check_owner(options, (*metadata)->current()); !ours) {
    return ours.error();
  }
  if ((*metadata)->current().admission == Admission::outdated) {
    return Error{ErrorKind::mismatch,
                 options.directory +
                     ": another member has found out that this data directory was put back to an older state; start "
                     "the node with the newest one or, if that is lost, with an empty one and --rejoin"};
  }
  if (auto complete = check_complete(options, *listed, (*metadata)->current(), run); !complete) {
    return complete.error();
  }
  if (auto saved = save_admission(**metadata, *listed, run, logger); !saved) {
    return saved.error();
  }
  return metadata;
}

void say(const DataDirectory& opened, Logger& logger) {
  const Standing standing = opened.standing;
  if (opened.log->recovered().is_damaged) {
    logger.warning(
        "recovering: some of what was on the disk cannot be read any more; until it is repaired from the other members "
        "this node votes with a flag, if at all, and never campaigns");
  } else if (opened.metadata->current().admission == Admission::rejoining) {
    logger.warning(
        "rejoining: what this node had promised is lost; it is silent until all other members have answered");
  } else if (standing == Standing::recovering) {
    logger.warning(
        "recovering: {}; it may lack what it acknowledged, and votes with a flag until it has caught up with a leader",
        opened.doubt);
  } else if (standing == Standing::abstaining) {
    logger.warning(
        "abstaining: {}; all that it acknowledged was synced, but the last batch may be torn. It does not vote for "
        "three seconds, or until it has caught up with a leader",
        opened.doubt);
  }
}

// Raises the incarnation, and says what this run is.
Result<void> begin_run(DataDirectory& opened, const RunOptions& run, std::uint64_t name) {
  const Metadata& last = opened.metadata->current();
  // Before and after: whoever is killed in between has lost nothing, and an older copy of the directory is not vouched
  // for.
  if (opened.standing == Standing::sound) {
    if (auto left = opened.marker->announce(last.incarnation); !left) {
      return left;
    }
  }
  Metadata raised = last;
  raised.incarnation = last.incarnation.next();
  raised.directory = name;
  raised.nonces.insert(raised.nonces.begin(), run.nonce);
  raised.nonces.resize(std::min(raised.nonces.size(), max_nonces));
  raised.synced = opened.log->end();  // opening has seen to it
  raised.run = {run.boot_id, run.ack, false, opened.standing == Standing::recovering};
  // A snapshot is stored beside the metadata, not after it: the process may have ended before its term was saved. Then
  // nothing was said in that term, and no vote given.
  if (const Term stored = opened.snapshots->newest().term; stored > raised.term) {
    raised.term = stored;
    raised.vote = NodeId();
  }
  // What the log has is of no later term than the vote that is lost, whatever the others will tell.
  if (raised.admission == Admission::rejoining) {
    const Recovered& recovered = opened.log->recovered();
    const Term of_log = recovered.term_runs.empty() ? recovered.base.term : recovered.term_runs.back().term;
    raised.term = std::max(raised.term, of_log);
  }
  if (auto saved = opened.metadata->save(raised); !saved) {
    return saved;
  }
  return opened.marker->leave(raised.incarnation);
}

// With a marker and a standing.
Result<void> open_content(DataDirectory& opened, FileSystem& files, const LogOptions& options, Logger& logger,
                          const RunOptions& run, std::uint64_t name) {
  Result<std::unique_ptr<SnapshotStore>> snapshots = SnapshotStore::open(files, options, logger);
  if (!snapshots) {
    return snapshots.error();
  }
  opened.snapshots = std::move(*snapshots);
  const bool doubtful = kernel_is_doubtful(opened.standing, opened.metadata->current(), run);
  LogOptions log_options = options;
  log_options.synced = opened.metadata->current().synced;
  log_options.only_process_died = opened.standing == Standing::sound;
  Result<std::unique_ptr<Log>> log = Log::open(files, log_options, logger, opened.snapshots->newest(),
                                               doubtful ? Log::Kernel::doubtful : Log::Kernel::trusted);
  if (!log) {
    return log.error();
  }
  opened.log = std::move(*log);
  if (opened.standing == Standing::abstaining && !doubtful && opened.log->recovered().torn_bytes == 0) {
    opened.standing = Standing::sound;  // nothing casts a doubt on the last batch that was synced
  }
  if (opened.log->recovered().is_damaged) {
    opened.standing = Standing::recovering;
  }
  return begin_run(opened, run, name);
}

}  // namespace

std::string lock_path(const std::string& directory) {
  return directory + "/lock";
}

Result<DataDirectory> open_data_directory(FileSystem& files, const LogOptions& options, Logger& logger,
                                          const RunOptions& run) {
  if (auto made = files.make_directory(options.directory); !made) {
    return made.error();
  }
  DataDirectory opened;
  Result<std::unique_ptr<FileLock>> lock = files.lock(lock_path(options.directory));
  if (!lock) {
    return lock.error();
  }
  opened.lock = std::move(*lock);
  Result<std::unique_ptr<MetadataFile>> metadata = open_metadata(files, options, run, logger);
  if (!metadata) {
    return metadata.error();
  }
  opened.metadata = std::move(*metadata);
  const std::uint64_t named = opened.metadata->current().directory;
  const std::uint64_t name = named != 0 ? named : run.new_directory;
  opened.marker = std::make_unique<RunMarker>(files, run, options.directory, name);
  const bool rejoins = opened.metadata->current().admission == Admission::rejoining;
  opened.standing = rejoins ? Standing::recovering : standing_after(opened.metadata->current(), run, *opened.marker);
  if (opened.standing != Standing::sound) {
    opened.doubt = why_not_sound(opened.metadata->current(), run, *opened.marker);
  }
  if (auto content = open_content(opened, files, options, logger, run, name); !content) {
    // What could not be synced now, the next start would be shown all the same.
    if (content.error().kind == ErrorKind::io || content.error().kind == ErrorKind::no_space) {
      if (auto removed = opened.marker->remove(); !removed) {
        logger.error("{}", removed.error().text);
      }
    }
    return content.error();
  }
  // Not sooner: from now on it is known that something is missing.
  if (opened.log->restart_due()) {
    const EntryId base = opened.snapshots->newest();
    logger.warning("log: it does not hold what the snapshot does; it begins anew behind index {}", base.index);
    if (auto restarted = opened.log->restart(base, {opened.log->end(), base.index}); !restarted) {
      return restarted.error();
    }
  }
  say(opened, logger);
  return opened;
}

}  // namespace strata::wal
