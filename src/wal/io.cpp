#include "wal/io.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t zero_chunk = 1 << 20;

}  // namespace

Result<void> write_all(File& file, std::uint64_t offset, BytesView bytes) {
  while (!bytes.empty()) {
    const Result<std::size_t> written = file.write_at(offset, bytes);
    if (!written) {
      return written.error();
    }
    STRATA_ASSERT(*written > 0 && *written <= bytes.size());
    offset += *written;
    bytes.remove_prefix(*written);
  }
  return {};
}

Result<void> write_zeros(File& file, std::uint64_t from, std::uint64_t to, std::uint64_t sync_every) {
  if (from >= to) {
    return {};
  }
  const Bytes zeros(std::min<std::uint64_t>(to - from, zero_chunk), '\0');
  std::uint64_t unsynced = 0;
  while (from < to) {
    const std::size_t size = std::min<std::uint64_t>(to - from, zeros.size());
    if (auto written = write_all(file, from, BytesView(zeros).substr(0, size)); !written) {
      return written;
    }
    from += size;
    unsynced += size;
    if (sync_every != 0 && unsynced >= sync_every) {
      if (auto synced = file.sync(); !synced) {
        return synced;
      }
      unsynced = 0;
    }
  }
  return {};
}

Result<std::size_t> read_all(File& file, std::uint64_t offset, std::span<char> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const Result<std::size_t> read = file.read_at(offset + done, into.subspan(done));
    if (!read) {
      return read.error();
    }
    if (*read == 0) {
      break;
    }
    done += *read;
  }
  return done;
}

Result<void> remove_large(FileSystem& files, const std::string& directory, const std::string& path,
                          const std::string& nameless) {
  Result<void> done = files.rename(path, nameless);
  if (done) {
    done = files.sync_directory(directory);
  }
  return done ? files.remove_in_steps(nameless) : done;
}

bool all_zero(BytesView bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace strata::wal
