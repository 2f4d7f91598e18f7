// A node's data directory: the lock, the metadata file and the log, opened together and in the right order.
#pragma once

#include <memory>
#include <string>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"
#include "wal/snapshot.hpp"

namespace strata::wal {

struct DataDirectory {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<MetadataFile> metadata;  // its incarnation is already that of this start, synced
  std::unique_ptr<SnapshotStore> snapshots;
  std::unique_ptr<Log> log;  // joins the newest snapshot
};

// Creates the directory when it is missing, locks it (in_use: another process has it), checks that it belongs to this
// node and cluster (mismatch), raises and syncs the incarnation, opens the log. `options.directory` is the data
// directory; nothing in it is changed before it is locked and known to be ours.
Result<DataDirectory> open_data_directory(FileSystem& files, const LogOptions& options, Logger& logger);

}  // namespace strata::wal
