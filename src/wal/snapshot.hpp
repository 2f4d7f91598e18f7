// Snapshot files: the state machine as bytes, in checksummed blocks, under the name of the entry up to which they reach
// (docs/wal_format.md). A file gets its name only when it is whole, on stable storage and read back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/entry.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"

namespace strata::wal {

// The index in a snapshot's file name; nothing when it is no such name.
std::optional<LogIndex> snapshot_index(std::string_view name);

struct SnapshotFile {
  EntryId last_included;
  std::uint64_t size = 0;  // of the content, in bytes
  std::string path;
};

// Reads parts of a snapshot. What it reads is checked. One thread at a time.
class SnapshotReader {
 public:
  // The content stands in blocks of this size, of which each has a checksum.
  static constexpr std::size_t block_size = 64 << 10;
  // Where in the file the block number `block`, its checksum included, begins.
  static std::uint64_t place_of(std::uint64_t block);

  // Errors: damaged, mismatch (another node's, or a newer format), io.
  static Result<std::unique_ptr<SnapshotReader>> open(ReadOnlyFiles& files, const LogOptions& options,
                                                      const std::string& path);

  const SnapshotFile& file() const { return file_; }
  // Some of the content from `offset` <= size on: at least one byte, if there is one, and at most `max_bytes`.
  Result<Bytes> read(std::uint64_t offset, std::size_t max_bytes);

 private:
  friend class SnapshotStore;
  SnapshotReader(std::unique_ptr<File> opened, SnapshotFile file)
      : opened_(std::move(opened)), file_(std::move(file)) {}

  std::shared_ptr<File> opened_;
  SnapshotFile file_;
};

// Writes one snapshot, under a temporary name. One thread at a time. One that is never finished leaves a file that the
// next start removes.
class SnapshotWriter {
 public:
  // As it goes, it syncs whenever so many bytes have been written, and reads them back: what is left for the end is
  // little, and the syncs of other files never wait for much of this one.
  static constexpr std::uint64_t settle_every = 4 << 20;

  // `suffix` keeps apart the files of writers that are there at the same time.
  static Result<std::unique_ptr<SnapshotWriter>> begin(FileSystem& files, const LogOptions& options,
                                                       EntryId last_included, const std::string& suffix);

  EntryId last_included() const { return last_included_; }
  std::uint64_t size() const { return size_; }  // so much was appended
  // May block for a sync.
  Result<void> append(BytesView content);
  // Syncs, reads back what has not been yet, renames, syncs the directory. Blocks for as long as that takes.
  Result<SnapshotFile> finish();

 private:
  SnapshotWriter(FileSystem& files, LogOptions options, EntryId last_included, std::string path,
                 std::unique_ptr<File> file);
  Result<void> write_block();
  Result<void> settle();
  Result<void> write_head();

  FileSystem& files_;
  LogOptions options_;
  EntryId last_included_;
  std::string path_;
  std::unique_ptr<File> file_;
  Bytes block_;                // not yet written
  std::uint64_t blocks_ = 0;   // written
  std::uint64_t settled_ = 0;  // of these, synced and read back
  std::uint64_t size_ = 0;
};

// The snapshots of a data directory: the newest, and the one before it for the case that the newest decays.
class SnapshotStore {
 public:
  // Reads every snapshot whole; those that are damaged are left out, with a warning, and so are all but the two newest,
  // which the next add() removes. Removes temporary files. Errors: io; mismatch, when a file belongs to another node or
  // cluster.
  static Result<std::unique_ptr<SnapshotStore>> open(FileSystem& files, LogOptions options, Logger& logger);

  // Newest first, at most two.
  const std::vector<SnapshotFile>& kept() const { return kept_; }
  EntryId newest() const { return kept_.empty() ? EntryId{} : kept_.front().last_included; }
  // The log's entries up to this one are not needed any more, even if the newest snapshot should be lost.
  LogIndex released() const { return kept_.size() < 2 ? LogIndex() : kept_.back().last_included.index; }

  Result<std::unique_ptr<SnapshotWriter>> begin(EntryId last_included, const std::string& suffix);
  // Takes in what a writer has finished, and removes what is older than the two newest: also what a crash, or the
  // loss of a removal with the power, left of earlier ones.
  Result<void> add(SnapshotFile file);
  // It cannot be read any more: as open() would have done. The next add() removes it. False: it is not kept any more.
  bool leave_out(EntryId last_included);
  // The snapshot that reaches up to this entry. not_found: it is not there any more. Can be read to its end though it
  // is removed meanwhile.
  Result<std::unique_ptr<SnapshotReader>> read(EntryId last_included);

 private:
  SnapshotStore(FileSystem& files, LogOptions options) : files_(files), options_(std::move(options)) {}
  Result<void> remove_older();
  Result<void> remove(const std::string& path);
  bool is_read(const std::string& path);

  FileSystem& files_;
  LogOptions options_;
  std::vector<SnapshotFile> kept_;
  std::vector<std::string> older_;                                    // paths of those to be removed
  std::vector<std::pair<std::string, std::weak_ptr<File>>> readers_;  // by path
};

}  // namespace strata::wal
