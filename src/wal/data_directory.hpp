// A node's data directory: the lock, the metadata file and the log, opened together and in the right order.
#pragma once

#include <memory>
#include <string>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/standing.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"
#include "wal/run.hpp"
#include "wal/snapshot.hpp"

namespace strata::wal {

// The file in a data directory that a node locks as long as it runs.
std::string lock_path(const std::string& directory);

struct DataDirectory {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<MetadataFile> metadata;  // its incarnation is already that of this start, synced
  std::unique_ptr<SnapshotStore> snapshots;
  std::unique_ptr<Log> log;             // joins the newest snapshot
  std::unique_ptr<RunMarker> marker;    // left for this run
  Standing standing = Standing::sound;  // recovering, also when the log is damaged
  std::string doubt;                    // why the run before leaves it not sound, if so (why_not_sound)
};

// Creates the directory when it is missing, locks it (in_use: another process has it), checks that it belongs to this
// node and cluster (mismatch), finds out how the run before ended, opens the log, raises and syncs the incarnation with
// what this run is. A directory that is made here, or that never took part, is not admitted (Metadata::admission): the
// node is silent until the others know it. With RunOptions::rejoin, metadata that are unreadable or missing, and a log
// that is missing, are made anew. `options.directory` is the data directory; nothing in it is changed before it is
// locked and known to be ours.
Result<DataDirectory> open_data_directory(FileSystem& files, const LogOptions& options, Logger& logger,
                                          const RunOptions& run = {});

}  // namespace strata::wal
