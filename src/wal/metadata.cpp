#include "wal/metadata.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/checksum.hpp"
#include "wal/io.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t slot_size = 4096;
constexpr std::size_t slots = 2;
constexpr std::uint32_t slot_magic = 0x54454D53;  // "SMET"
constexpr std::uint32_t slot_format = 1;

// A slot as it stands in the file, followed by zeros.
struct RawSlot {
  std::uint32_t magic;
  std::uint32_t checksum;  // CRC-32C of all that follows in the slot, zeros included
  std::uint32_t format;
  std::uint16_t node;
  std::uint16_t vote;
  std::uint64_t version;
  std::uint64_t cluster;
  std::uint64_t incarnation;
  std::uint64_t term;
};
static_assert(sizeof(RawSlot) == 48);
static_assert(std::has_unique_object_representations_v<RawSlot>);

constexpr std::size_t checksummed_from = offsetof(RawSlot, format);

struct Slot {
  Metadata metadata;
  std::uint64_t version = 0;
};

Bytes encode_slot(const Slot& slot) {
  RawSlot raw{};
  raw.magic = slot_magic;
  raw.format = slot_format;
  raw.node = slot.metadata.node.value;
  raw.vote = slot.metadata.vote.value;
  raw.version = slot.version;
  raw.cluster = slot.metadata.cluster.value;
  raw.incarnation = slot.metadata.incarnation.value;
  raw.term = slot.metadata.term.value;
  Bytes bytes(slot_size, '\0');
  std::memcpy(bytes.data(), &raw, sizeof raw);
  const std::uint32_t checksum = crc32c(BytesView(bytes).substr(checksummed_from));
  std::memcpy(bytes.data() + offsetof(RawSlot, checksum), &checksum, sizeof checksum);
  return bytes;
}

// Nothing: the slot is bad. mismatch: it is good, but of a newer format.
Result<std::optional<Slot>> decode_slot(BytesView bytes) {
  RawSlot raw{};
  if (bytes.size() != slot_size) {
    return std::optional<Slot>();
  }
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != slot_magic || crc32c(bytes.substr(checksummed_from)) != raw.checksum) {
    return std::optional<Slot>();
  }
  if (raw.format != slot_format || !all_zero(bytes.substr(sizeof raw))) {
    return Error{ErrorKind::mismatch, "the metadata file was written by a newer version of Strata"};
  }
  Slot slot;
  slot.metadata.cluster = ClusterId(raw.cluster);
  slot.metadata.node = NodeId(raw.node);
  slot.metadata.incarnation = Incarnation(raw.incarnation);
  slot.metadata.term = Term(raw.term);
  slot.metadata.vote = NodeId(raw.vote);
  slot.version = raw.version;
  return std::optional<Slot>(slot);
}

struct NewestSlot {
  Slot slot;
  std::size_t number = 0;
};

// Nothing when both are bad.
Result<std::optional<NewestSlot>> find_newest(File& file) {
  std::optional<NewestSlot> newest;
  for (std::size_t i = 0; i < slots; ++i) {
    std::array<char, slot_size> bytes{};
    const Result<std::size_t> read = read_all(file, i * slot_size, bytes);
    if (!read) {
      return read.error();
    }
    const Result<std::optional<Slot>> slot = decode_slot(BytesView(bytes.data(), *read));
    if (!slot) {
      return slot.error();
    }
    if (*slot && (!newest || (*slot)->version > newest->slot.version)) {
      newest = NewestSlot{**slot, i};
    }
  }
  return newest;
}

// Under a temporary name first: a file of this name is always whole.
Result<void> create(FileSystem& files, const std::string& path, const Metadata& initial) {
  const std::string temporary = path + ".tmp";
  const Result<std::unique_ptr<File>> file = files.create(temporary);
  if (!file) {
    return file.error();
  }
  const Bytes slot = encode_slot(Slot{initial, 1});
  if (auto written = write_all(**file, 0, slot + slot); !written) {
    return written;
  }
  if (auto synced = (*file)->sync(); !synced) {
    return synced;
  }
  return files.rename(temporary, path);
}

Result<std::unique_ptr<File>> open_or_create(FileSystem& files, const std::string& path, const Metadata& initial) {
  Result<std::unique_ptr<File>> file = files.open(path);
  if (!file && file.error().kind == ErrorKind::not_found) {
    if (auto created = create(files, path, initial); !created) {
      return created.error();
    }
    file = files.open(path);
  }
  return file;
}

}  // namespace

MetadataFile::MetadataFile(std::unique_ptr<File> file, Metadata current, std::uint64_t version, std::size_t slot)
    : file_(std::move(file)), current_(current), version_(version), slot_(slot) {}

Result<std::unique_ptr<MetadataFile>> MetadataFile::open(FileSystem& files, const std::string& directory,
                                                         const Metadata& initial) {
  const std::string path = directory + "/" + name;
  Result<std::unique_ptr<File>> file = open_or_create(files, path, initial);
  if (!file) {
    return file.error();
  }
  // An earlier process may have been killed before its write, or the file's name, was on the disk.
  if (auto synced = (*file)->sync(); !synced) {
    return synced.error();
  }
  if (auto synced = files.sync_directory(directory); !synced) {
    return synced.error();
  }
  const Result<std::optional<NewestSlot>> found = find_newest(**file);
  if (!found) {
    return Error{found.error().kind, path + ": " + found.error().text};
  }
  if (!*found) {
    return Error{ErrorKind::damaged, path + ": both copies of term and vote are unreadable (the cure is --rejoin)"};
  }
  const NewestSlot& newest = **found;
  return std::unique_ptr<MetadataFile>(
      new MetadataFile(std::move(*file), newest.slot.metadata, newest.slot.version, newest.number));
}

// The other slot is written and synced first: until then this one, which is synced, stands. Then this one gets the same
// content, to be synced with the next save: when one of them decays later, the other has the promise too.
Result<void> MetadataFile::save(const Metadata& metadata) {
  const Bytes bytes = encode_slot(Slot{metadata, version_ + 1});
  const std::size_t other = slots - 1 - slot_;
  if (auto written = write_all(*file_, other * slot_size, bytes); !written) {
    return written;
  }
  if (auto synced = file_->sync(); !synced) {
    return synced;
  }
  if (auto copied = write_all(*file_, slot_ * slot_size, bytes); !copied) {
    return copied;
  }
  slot_ = other;
  version_ += 1;
  current_ = metadata;
  return {};
}

}  // namespace strata::wal
