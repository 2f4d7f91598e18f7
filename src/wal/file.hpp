// The files the log stands on, as a port: the real ones are here (posix_file.cpp), the simulator and the crash tests
// bring their own. Paths are UTF-8, relative to the process or absolute.
//
// Errors: ErrorKind::no_space (full disk, quota, limit on the size of files), not_found, in_use (lock), unavailable (a
// missing right, a path that is none), else io; the text names operation, path and reason. EINTR is never seen by a
// caller. After a failed sync the file's unsynced content is undefined, and the kernel would report success the next
// time: so once a sync of a File has failed, every later sync of it fails too, in whichever thread it is asked for
// (reliability, 2.3 W3).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace strata::wal {

// One open file. One thread at a time, but for sync: any thread may call it beside everything else.
class File {
 public:
  virtual ~File() = default;

  // Writes some of `bytes`, at least one (when there is one): a short write is not an error, the caller goes on.
  virtual Result<std::size_t> write_at(std::uint64_t offset, BytesView bytes) = 0;
  // Reads some, up to the size of `into`; 0 only at or behind the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) = 0;
  // All that was written before the call is on stable storage when it returns (fdatasync). Blocks, perhaps for long.
  virtual Result<void> sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
};

// Held while alive; released by its destructor and by the death of the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// What one can learn of files without changing anything.
class ReadOnlyFiles {
 public:
  virtual ~ReadOnlyFiles() = default;

  // Opens for reading: a write to the file fails. not_found when it does not exist.
  virtual Result<std::unique_ptr<File>> open_to_read(const std::string& path) = 0;
  // The names of the plain files in it, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  // Whether FileSystem::lock would be refused at this moment: in_use when somebody holds it. Takes and creates nothing.
  virtual Result<void> look_at_lock(const std::string& path) = 0;
};

class FileSystem : public ReadOnlyFiles {
 public:
  // Opens for reading and writing. not_found when it does not exist.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  // Creates it, empty; one that exists is emptied.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  // The same for a file that may be large and that nobody has open: its room is given back in steps, so that no sync of
  // another file waits for all of it at once. When the process ends meanwhile, what is left of it has that name still.
  virtual Result<void> remove_in_steps(const std::string& path) = 0;
  // Makes creations, renames and removals in this directory durable.
  virtual Result<void> sync_directory(const std::string& path) = 0;
  // Creates it and its parents; fine when it exists.
  virtual Result<void> make_directory(const std::string& path) = 0;
  // Names the mount that an existing directory is on, its device included: another one, for as long as the kernel
  // lives, once it was unmounted and mounted again (Linux before 6.8: perhaps the same). One line, at most 64 bytes.
  virtual Result<std::string> mount_of(const std::string& path) = 0;
  // An exclusive lock that other processes respect (and other locks of this one). in_use when another holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

// The real file system.
std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace strata::wal
