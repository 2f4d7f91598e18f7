#include "wal/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <ranges>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "base/sometimes.hpp"
#include "wal/io.hpp"

namespace strata::wal {

namespace {

constexpr std::uint32_t snapshot_magic = 0x504E5353;  // "SSNP"
constexpr std::uint32_t snapshot_version = 1;
constexpr std::size_t block_content = SnapshotReader::block_size;
constexpr std::size_t block_header = 8;

// The head as it stands in the file; the blocks follow.
struct RawHead {
  std::uint32_t magic;
  std::uint32_t checksum;  // CRC-32C of all that follows in the head
  std::uint32_t version;
  std::uint16_t node;
  std::uint16_t reserved;
  std::uint64_t cluster;
  std::uint64_t index;
  std::uint64_t term;
  std::uint64_t size;
  std::uint64_t zero[2];
};
static_assert(sizeof(RawHead) == 64);
static_assert(std::has_unique_object_representations_v<RawHead>);

BytesView view_of(const RawHead& raw) {
  return {reinterpret_cast<const char*>(&raw), sizeof raw};
}

std::uint32_t checksum_of(const RawHead& raw) {
  return crc32c(view_of(raw).substr(offsetof(RawHead, version)));
}

// Over the block's number, its length and its content.
std::uint32_t block_checksum(std::uint64_t block, BytesView content) {
  Bytes front;
  ByteWriter writer(front);
  writer.number(block);
  writer.number(static_cast<std::uint32_t>(content.size()));
  return crc32c_extend(crc32c(front), content);
}

Error in_file(const std::string& path, const Error& error) {
  return {error.kind, path + ": " + error.text};
}

Result<SnapshotFile> check_head(const LogOptions& options, const std::string& path, BytesView bytes) {
  RawHead raw{};
  if (bytes.size() < sizeof raw) {
    return Error{ErrorKind::damaged, "the file ends inside the snapshot's head"};
  }
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != snapshot_magic || raw.checksum != checksum_of(raw)) {
    return Error{ErrorKind::damaged, "no snapshot's head stands here, or its checksum is wrong"};
  }
  if (raw.version != snapshot_version) {
    return Error{ErrorKind::mismatch, fmt::format("the snapshot has format {}, this program reads format {}",
                                                  raw.version, snapshot_version)};
  }
  if (ClusterId(raw.cluster) != options.cluster || NodeId(raw.node) != options.node) {
    return Error{ErrorKind::mismatch,
                 fmt::format("the snapshot belongs to node {} of cluster {:016x}", raw.node, raw.cluster)};
  }
  // One in the making has no index in its name.
  const std::optional<LogIndex> named = snapshot_index(std::string_view(path).substr(path.rfind('/') + 1));
  if (named.value_or(LogIndex(raw.index)) != LogIndex(raw.index)) {
    return Error{ErrorKind::damaged, fmt::format("the snapshot's head says that it reaches up to index {}", raw.index)};
  }
  return SnapshotFile{{LogIndex(raw.index), Term(raw.term)}, raw.size, path};
}

// The content of the block, of which `file.size` tells how long it is.
Result<Bytes> read_block(File& opened, const SnapshotFile& file, std::uint64_t block) {
  const std::uint64_t size = std::min<std::uint64_t>(block_content, file.size - block * block_content);
  Bytes bytes(block_header + size, '\0');
  const Result<std::size_t> read = read_all(opened, SnapshotReader::place_of(block), bytes);
  if (!read) {
    return read.error();
  }
  ByteReader reader(BytesView(bytes).substr(0, *read));
  const auto checksum = reader.number<std::uint32_t>();
  const auto length = reader.number<std::uint32_t>();
  const BytesView content = reader.raw(size);
  if (!reader.ok() || length != size || block_checksum(block, content) != checksum) {
    return Error{ErrorKind::damaged, fmt::format("{}: block {} of the snapshot is damaged", file.path, block)};
  }
  return Bytes(content);
}

constexpr std::string_view name_prefix = "snapshot-";
constexpr std::string_view name_suffix = ".snap";
constexpr std::size_t index_digits = 20;

std::string snapshot_path(const std::string& directory, LogIndex index) {
  return fmt::format("{}/{}{:0{}}{}", directory, name_prefix, index.value, index_digits, name_suffix);
}

bool is_temporary_snapshot(const std::string& name) {
  return name.starts_with("snapshot-") && name.ends_with(".tmp");
}

// All of it, from the first block to the last.
Result<SnapshotFile> verify(ReadOnlyFiles& files, const LogOptions& options, const std::string& path) {
  auto reader = SnapshotReader::open(files, options, path);
  if (!reader) {
    return reader.error();
  }
  const SnapshotFile& file = (*reader)->file();
  for (std::uint64_t offset = 0; offset < file.size;) {
    const Result<Bytes> content = (*reader)->read(offset, block_content);
    if (!content) {
      return content.error();
    }
    offset += content->size();
  }
  return file;
}

}  // namespace

std::optional<LogIndex> snapshot_index(std::string_view name) {
  if (name.size() != name_prefix.size() + index_digits + name_suffix.size() || !name.starts_with(name_prefix) ||
      !name.ends_with(name_suffix)) {
    return std::nullopt;
  }
  const char* const digits = name.data() + name_prefix.size();
  LogIndex index;
  const auto [end, error] = std::from_chars(digits, digits + index_digits, index.value);
  return error == std::errc() && end == digits + index_digits ? std::optional(index) : std::nullopt;
}

// ---- Reading ----

std::uint64_t SnapshotReader::place_of(std::uint64_t block) {
  return sizeof(RawHead) + block * (block_header + block_content);
}

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open(ReadOnlyFiles& files, const LogOptions& options,
                                                             const std::string& path) {
  Result<std::unique_ptr<File>> opened = files.open_to_read(path);
  if (!opened) {
    return opened.error();
  }
  Bytes bytes(sizeof(RawHead), '\0');
  const Result<std::size_t> read = read_all(**opened, 0, bytes);
  if (!read) {
    return read.error();
  }
  const Result<SnapshotFile> file = check_head(options, path, BytesView(bytes).substr(0, *read));
  if (!file) {
    return in_file(path, file.error());
  }
  return std::unique_ptr<SnapshotReader>(new SnapshotReader(std::move(*opened), *file));
}

Result<Bytes> SnapshotReader::read(std::uint64_t offset, std::size_t max_bytes) {
  STRATA_ASSERT(offset <= file_.size && max_bytes > 0);
  Bytes content;
  while (offset < file_.size && content.size() < max_bytes) {
    Result<Bytes> block = read_block(*opened_, file_, offset / block_content);
    if (!block) {
      return block.error();
    }
    const Bytes part = block->substr(offset % block_content, max_bytes - content.size());
    content += part;
    offset += part.size();
  }
  return content;
}

// ---- Writing ----

SnapshotWriter::SnapshotWriter(FileSystem& files, LogOptions options, EntryId last_included, std::string path,
                               std::unique_ptr<File> file)
    : files_(files),
      options_(std::move(options)),
      last_included_(last_included),
      path_(std::move(path)),
      file_(std::move(file)) {}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::begin(FileSystem& files, const LogOptions& options,
                                                              EntryId last_included, const std::string& suffix) {
  std::string path = fmt::format("{}/snapshot-{}.tmp", options.directory, suffix);
  Result<std::unique_ptr<File>> file = files.create(path);
  if (!file) {
    return file.error();
  }
  return std::unique_ptr<SnapshotWriter>(
      new SnapshotWriter(files, options, last_included, std::move(path), std::move(*file)));
}

Result<void> SnapshotWriter::append(BytesView content) {
  size_ += content.size();
  while (!content.empty()) {
    const BytesView part = content.substr(0, block_content - block_.size());
    block_ += part;
    content.remove_prefix(part.size());
    if (block_.size() == block_content) {
      if (auto written = write_block(); !written) {
        return written;
      }
    }
  }
  const bool much = (blocks_ - settled_) * block_content >= settle_every;
  return much ? settle() : Result<void>();
}

Result<void> SnapshotWriter::write_block() {
  Bytes bytes;
  bytes.reserve(block_header + block_.size());
  ByteWriter writer(bytes);
  writer.number(block_checksum(blocks_, block_));
  writer.sized(block_);
  auto written = write_all(*file_, SnapshotReader::place_of(blocks_), bytes);
  block_.clear();
  ++blocks_;
  return written;
}

Result<void> SnapshotWriter::settle() {
  if (auto synced = file_->sync(); !synced) {
    return synced;
  }
  const SnapshotFile so_far{last_included_, size_ - block_.size(), path_};
  for (; settled_ < blocks_; ++settled_) {
    if (const Result<Bytes> content = read_block(*file_, so_far, settled_); !content) {
      return content.error();
    }
  }
  return {};
}

Result<void> SnapshotWriter::write_head() {
  RawHead raw{};
  raw.magic = snapshot_magic;
  raw.version = snapshot_version;
  raw.node = options_.node.value;
  raw.cluster = options_.cluster.value;
  raw.index = last_included_.index.value;
  raw.term = last_included_.term.value;
  raw.size = size_;
  raw.checksum = checksum_of(raw);
  return write_all(*file_, 0, view_of(raw));
}

Result<SnapshotFile> SnapshotWriter::finish() {
  Result<void> done = block_.empty() ? Result<void>() : write_block();
  if (done) {
    done = write_head();
  }
  if (done) {
    done = settle();
  }
  if (!done) {
    return done.error();
  }
  const auto written = SnapshotReader::open(files_, options_, path_);
  if (!written) {
    return written.error();
  }
  SnapshotFile file = (*written)->file();
  file.path = snapshot_path(options_.directory, last_included_.index);
  done = files_.rename(path_, file.path);
  if (done) {
    done = files_.sync_directory(options_.directory);
  }
  if (!done) {
    return done.error();
  }
  return file;
}

// ---- The store ----

Result<std::unique_ptr<SnapshotStore>> SnapshotStore::open(FileSystem& files, LogOptions options, Logger& logger) {
  std::unique_ptr<SnapshotStore> store(new SnapshotStore(files, std::move(options)));
  const std::string& directory = store->options_.directory;
  const Result<std::vector<std::string>> names = files.list(directory);
  if (!names) {
    return names.error();
  }
  for (const std::string& name : *names | std::views::reverse) {
    const std::string path = fmt::format("{}/{}", directory, name);
    if (is_temporary_snapshot(name)) {
      sometimes(Mark::temporary_snapshot_removed);
      if (auto removed = files.remove(path); !removed) {
        return removed.error();
      }
    }
    if (!snapshot_index(name)) {
      continue;
    }
    if (store->kept_.size() == 2) {
      store->older_.push_back(path);
      continue;
    }
    const Result<SnapshotFile> file = verify(files, store->options_, path);
    if (file) {
      store->kept_.push_back(*file);
    } else if (file.error().kind == ErrorKind::damaged || file.error().kind == ErrorKind::io) {
      logger.warning("a snapshot is damaged and not used: {}", file.error().text);
    } else {
      return file.error();
    }
  }
  if (!store->kept_.empty()) {
    logger.info("snapshot: {} bytes, up to index {}", store->kept_.front().size, store->newest().index);
  }
  return store;
}

Result<std::unique_ptr<SnapshotWriter>> SnapshotStore::begin(EntryId last_included, const std::string& suffix) {
  return SnapshotWriter::begin(files_, options_, last_included, suffix);
}

Result<void> SnapshotStore::add(SnapshotFile file) {
  std::erase_if(kept_, [&](const SnapshotFile& other) { return other.path == file.path; });
  std::erase(older_, file.path);  // it has taken the place of one that was left out
  kept_.push_back(std::move(file));
  std::sort(kept_.begin(), kept_.end(), [](const SnapshotFile& one, const SnapshotFile& other) {
    return one.last_included.index > other.last_included.index;
  });
  if (kept_.size() > 2) {
    older_.push_back(kept_.back().path);
    kept_.pop_back();
  }
  return remove_older();
}

bool SnapshotStore::leave_out(EntryId last_included) {
  const auto found = std::ranges::find(kept_, last_included, &SnapshotFile::last_included);
  if (found == kept_.end()) {
    return false;
  }
  older_.push_back(found->path);
  kept_.erase(found);
  return true;
}

// What cannot be removed is left to the next start. What is gone already was taken away by hand.
Result<void> SnapshotStore::remove_older() {
  for (const std::string& path : std::exchange(older_, {})) {
    if (auto removed = remove(path); !removed && removed.error().kind != ErrorKind::not_found) {
      return removed;
    }
  }
  return {};
}

Result<void> SnapshotStore::remove(const std::string& path) {
  return is_read(path) ? files_.remove(path)
                       : remove_large(files_, options_.directory, path, options_.directory + "/snapshot-gone.tmp");
}

bool SnapshotStore::is_read(const std::string& path) {
  std::erase_if(readers_, [](const auto& reader) { return reader.second.expired(); });
  return std::ranges::any_of(readers_, [&](const auto& reader) { return reader.first == path; });
}

Result<std::unique_ptr<SnapshotReader>> SnapshotStore::read(EntryId last_included) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const SnapshotFile& file) { return file.last_included == last_included; });
  if (found == kept_.end()) {
    return Error{ErrorKind::not_found, fmt::format("there is no snapshot up to index {}", last_included.index)};
  }
  auto reader = SnapshotReader::open(files_, options_, found->path);
  if (reader) {
    readers_.emplace_back(found->path, (*reader)->opened_);
  }
  return reader;
}

}  // namespace strata::wal
