// A disk that misbehaves, for a kv-node that is started with this library preloaded (LD_PRELOAD). What the disk does
// stands in the file that STRATA_TEST_DISK names, and may change at any time:
//   full          no file grows: a write takes what its file has room for
//   failing-sync  syncs fail
//   failing       writes fail, and so do syncs
//   hung          writes and syncs do not come back before the file says something else
// Anything else, or no such file: it is well.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string condition() {
  const char* path = std::getenv("STRATA_TEST_DISK");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1) {
    return {};
  }
  std::array<char, 32> text{};
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// What it is when it answers.
std::string condition_in_the_end() {
  std::string now = condition();
  while (now == "hung") {
    constexpr timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
    now = condition();
  }
  return now;
}

int fails(int error) {
  errno = error;
  return -1;
}

int sync(long call, int file) {
  if (condition_in_the_end().starts_with("failing")) {
    return fails(EIO);
  }
  return static_cast<int>(::syscall(call, file));
}

}  // namespace

extern "C" {

int fdatasync(int file) {
  return sync(SYS_fdatasync, file);
}

int fsync(int file) {
  return sync(SYS_fsync, file);
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  const std::string now = condition_in_the_end();
  if (now == "failing") {
    return fails(EIO);
  }
  if (now == "full") {
    struct stat status{};
    if (::fstat(file, &status) == -1) {
      return -1;
    }
    const off_t room = std::max<off_t>(status.st_size - offset, 0);
    if (room == 0 && size > 0) {
      return fails(ENOSPC);
    }
    size = std::min(size, static_cast<size_t>(room));
  }
  return ::syscall(SYS_pwrite64, file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off_t offset) {
  return pwrite(file, bytes, size, offset);
}

}  // extern "C"
