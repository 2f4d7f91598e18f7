#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "wal/file.hpp"

namespace strata::wal {

namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;
constexpr off_t removal_step = 4 << 20;

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // a limit of the process: room, too, that somebody may grant
      return ErrorKind::no_space;
    case ENOENT:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case ENOTDIR:
    case EISDIR:
      return ErrorKind::unavailable;  // a wrong path or a missing right: no word on the disk
    default:
      return ErrorKind::io;
  }
}

Error failure(const char* operation, const std::string& path, int code) {
  return {kind_of(code), std::string("cannot ") + operation + " " + path + ": " +
                             std::error_code(code, std::generic_category()).message()};
}

// Calls until it is not interrupted.
template <class Call>
auto uninterrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result != -1 || errno != EINTR) {
      return result;
    }
  }
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ != -1) {
      ::close(number_);  // what mattered was synced; close is not repeated after EINTR on Linux
    }
  }
  int get() const { return number_; }

 private:
  int number_;
};

Result<Descriptor> open_descriptor(const char* operation, const std::string& path, int flags) {
  const int number = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, file_mode); });
  if (number == -1) {
    return failure(operation, path, errno);
  }
  return Descriptor(number);
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> write_at(std::uint64_t offset, BytesView bytes) override {
    const ssize_t written = uninterrupted(
        [&] { return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written == -1) {
      return failure("write", path_, errno);
    }
    if (written == 0 && !bytes.empty()) {
      return failure("write", path_, ENOSPC);
    }
    return static_cast<std::size_t>(written);
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    const ssize_t read =
        uninterrupted([&] { return ::pread(descriptor_.get(), into.data(), into.size(), static_cast<off_t>(offset)); });
    if (read == -1) {
      return failure("read", path_, errno);
    }
    return static_cast<std::size_t>(read);
  }

  // The kernel reports a failed write-back to one caller and once only: whoever asks afterwards must hear of it here.
  Result<void> sync() override {
    const std::lock_guard guard(sync_mutex_);
    if (sync_failure_) {
      return *sync_failure_;
    }
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) == -1) {
      sync_failure_ = failure("sync", path_, errno);
      return *sync_failure_;
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) == -1) {
      return failure("examine", path_, errno);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
  std::mutex sync_mutex_;
  std::optional<Error> sync_failure_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

// The lock file holds the process id of its holder, for a person to read.
std::string holder_of(const Descriptor& descriptor) {
  char digits[24];
  const ssize_t size = ::pread(descriptor.get(), digits, sizeof digits, 0);
  long process = 0;
  if (size <= 0 || std::from_chars(digits, digits + size, process).ec != std::errc()) {
    return "another process";
  }
  return "process " + std::to_string(process);
}

Error in_use(const std::string& path, const Descriptor& descriptor) {
  return {ErrorKind::in_use, path + " is in use by " + holder_of(descriptor)};
}

Result<void> write_process_id(const Descriptor& descriptor, const std::string& path) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor.get(), 0) == -1 ||
      ::pwrite(descriptor.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return failure("write", path, errno);
  }
  return {};
}

Result<void> sync_directory_at(const std::string& path) {
  const Result<Descriptor> directory = open_descriptor("open", path, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    return directory.error();
  }
  if (uninterrupted([&] { return ::fsync(directory->get()); }) == -1) {
    return failure("sync", path, errno);
  }
  return {};
}

// Creates what is missing of `path`, and makes each new name durable in the directory that holds it.
Result<void> make_durable_directory(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.empty() || std::filesystem::is_directory(path, ignored)) {
    return {};
  }
  if (auto made = make_durable_directory(path.parent_path()); !made) {
    return made;
  }
  if (::mkdir(path.c_str(), directory_mode) == -1 && errno != EEXIST) {
    return failure("create", path.string(), errno);
  }
  if (!std::filesystem::is_directory(path, ignored)) {
    return failure("create", path.string(), ENOTDIR);
  }
  return sync_directory_at(path.has_parent_path() ? path.parent_path().string() : ".");
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override { return file("open", path, O_RDWR); }

  Result<std::unique_ptr<File>> open_to_read(const std::string& path) override { return file("open", path, O_RDONLY); }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return file("create", path, O_RDWR | O_CREAT | O_TRUNC);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == -1) {
      return failure("rename", from, errno);
    }
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) == -1) {
      return failure("remove", path, errno);
    }
    return {};
  }

  Result<void> remove_in_steps(const std::string& path) override {
    struct stat status{};
    off_t size = ::stat(path.c_str(), &status) == -1 ? 0 : status.st_size;
    while (size > removal_step && uninterrupted([&] { return ::truncate(path.c_str(), size - removal_step); }) == 0) {
      size -= removal_step;
    }
    return remove(path);
  }

  Result<void> sync_directory(const std::string& path) override { return sync_directory_at(path); }

  Result<void> make_directory(const std::string& path) override {
    return make_durable_directory(std::filesystem::path(path).lexically_normal());
  }

  Result<std::string> mount_of(const std::string& path) override {
    constexpr unsigned unique_mount_id = 0x4000;  // STATX_MNT_ID_UNIQUE, which Debian 12's headers do not know yet
    struct statx found{};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID | unique_mount_id, &found) == -1) {
      return failure("examine the mount of", path, errno);
    }
    return fmt::format("{}:{}/{}", found.stx_dev_major, found.stx_dev_minor, found.stx_mnt_id);
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(path, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      std::error_code gone;
      if (at->is_regular_file(gone)) {
        names.push_back(at->path().filename().string());
      }
    }
    if (error) {
      return failure("list", path, error.value());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> look_at_lock(const std::string& path) override {
    const Result<Descriptor> descriptor = open_descriptor("open", path, O_RDONLY);
    if (!descriptor) {
      return descriptor.error().kind == ErrorKind::not_found ? Result<void>() : descriptor.error();
    }
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (uninterrupted([&] { return ::fcntl(descriptor->get(), F_OFD_GETLK, &whole); }) == -1) {
      return failure("examine the lock", path, errno);
    }
    return whole.l_type == F_UNLCK ? Result<void>() : in_use(path, *descriptor);
  }

  // A lock of the open file description: it conflicts with any other, of this process as well, and is not lost when
  // another descriptor of the same file is closed.
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Result<Descriptor> descriptor = open_descriptor("open", path, O_RDWR | O_CREAT);
    if (!descriptor) {
      return descriptor.error();
    }
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (uninterrupted([&] { return ::fcntl(descriptor->get(), F_OFD_SETLK, &whole); }) == -1) {
      if (errno == EAGAIN || errno == EACCES) {
        return in_use(path, *descriptor);
      }
      return failure("lock", path, errno);
    }
    if (auto written = write_process_id(*descriptor, path); !written) {
      return written.error();
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(*descriptor)));
  }

 private:
  static Result<std::unique_ptr<File>> file(const char* operation, const std::string& path, int flags) {
    Result<Descriptor> descriptor = open_descriptor(operation, path, flags);
    if (!descriptor) {
      return descriptor.error();
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(*descriptor), path));
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace strata::wal
