#include "wal/metadata.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "wal/io.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t slot_size = metadata_slot_size;
constexpr std::size_t slots = 2;
constexpr std::uint32_t slot_magic = 0x54454D53;  // "SMET"
constexpr std::uint32_t slot_format = 2;
constexpr std::uint32_t format_without_run = 1;  // zeros stand there: an unclean end of a run at `synced`

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
  std::uint8_t written_suffices;  // to acknowledge
  std::uint8_t ended_cleanly;
  std::uint8_t recovering;
  std::uint8_t boot_id_size;
  std::uint8_t admission;
  std::uint8_t members;
  std::uint16_t zero;
  std::uint64_t directory;
  std::array<char, Run::max_boot_id> boot_id;
  std::uint32_t synced_segment;
  std::uint32_t synced_offset;
  std::array<std::uint64_t, max_nonces> nonces;  // zeros behind them
};
static_assert(sizeof(RawSlot) == 264);
static_assert(std::has_unique_object_representations_v<RawSlot>);

// Those that RawSlot counts stand behind it.
struct RawMember {
  std::uint64_t directory;
  std::uint64_t incarnation;
  std::uint64_t nonce;
  std::uint64_t term;
  std::uint16_t node;
  std::uint16_t zero;
  std::uint32_t zeros;
};
static_assert(sizeof(RawMember) == 40);
static_assert(std::has_unique_object_representations_v<RawMember>);
static_assert(sizeof(RawSlot) + (max_members - 1) * sizeof(RawMember) <= slot_size);

constexpr std::size_t checksummed_from = offsetof(RawSlot, format);

struct Slot {
  Metadata metadata;
  std::uint64_t version = 0;
};

std::size_t place_of_member(std::size_t number) {
  return sizeof(RawSlot) + number * sizeof(RawMember);
}

void encode_members(const std::vector<KnownMember>& members, Bytes& slot) {
  STRATA_ASSERT(members.size() < max_members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const KnownMember& member = members[i];
    const RawMember raw{.directory = member.start.directory,
                        .incarnation = member.start.incarnation.value,
                        .nonce = member.start.nonce,
                        .term = member.term.value,
                        .node = member.node.value,
                        .zero = 0,
                        .zeros = 0};
    std::memcpy(slot.data() + place_of_member(i), &raw, sizeof raw);
  }
}

std::vector<KnownMember> decode_members(std::size_t count, BytesView slot) {
  std::vector<KnownMember> members;
  members.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    RawMember raw{};
    std::memcpy(&raw, slot.data() + place_of_member(i), sizeof raw);
    members.push_back({NodeId(raw.node), {raw.directory, Incarnation(raw.incarnation), raw.nonce}, Term(raw.term)});
  }
  return members;
}

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
  raw.directory = slot.metadata.directory;
  const Run& run = slot.metadata.run;
  STRATA_ASSERT(run.boot_id.size() <= raw.boot_id.size());
  raw.written_suffices = run.ack == Durability::written ? 1 : 0;
  raw.ended_cleanly = run.ended_cleanly ? 1 : 0;
  raw.recovering = run.recovering ? 1 : 0;
  raw.boot_id_size = static_cast<std::uint8_t>(run.boot_id.size());
  std::ranges::copy(run.boot_id, raw.boot_id.begin());
  raw.synced_segment = slot.metadata.synced.segment;
  raw.synced_offset = slot.metadata.synced.offset;
  raw.admission = static_cast<std::uint8_t>(slot.metadata.admission);
  STRATA_ASSERT(slot.metadata.nonces.size() <= raw.nonces.size());
  std::ranges::copy(slot.metadata.nonces, raw.nonces.begin());
  raw.members = static_cast<std::uint8_t>(slot.metadata.members.size());
  Bytes bytes(slot_size, '\0');
  std::memcpy(bytes.data(), &raw, sizeof raw);
  encode_members(slot.metadata.members, bytes);
  const std::uint32_t checksum = crc32c(BytesView(bytes).substr(checksummed_from));
  std::memcpy(bytes.data() + offsetof(RawSlot, checksum), &checksum, sizeof checksum);
  return bytes;
}

bool all_zero_behind(const std::array<std::uint64_t, max_nonces>& nonces) {
  return std::ranges::all_of(std::ranges::find(nonces, 0U), nonces.end(),
                             [](std::uint64_t nonce) { return nonce == 0; });
}

bool members_are_known(std::size_t count, BytesView slot) {
  for (std::size_t i = 0; i < count; ++i) {
    RawMember raw{};
    std::memcpy(&raw, slot.data() + place_of_member(i), sizeof raw);
    if (raw.zero != 0 || raw.zeros != 0) {
      return false;
    }
  }
  return all_zero(slot.substr(place_of_member(count)));
}

// Every byte is one that this version, or the one before, may have written.
bool is_known(const RawSlot& raw, BytesView bytes) {
  if (raw.format == format_without_run) {
    return all_zero(bytes.substr(offsetof(RawSlot, written_suffices)));
  }
  const bool flags = raw.written_suffices <= 1 && raw.ended_cleanly <= 1 && raw.recovering <= 1 &&
                     raw.admission <= static_cast<std::uint8_t>(Admission::outdated);
  return raw.format == slot_format && flags && raw.zero == 0 && raw.boot_id_size <= raw.boot_id.size() &&
         all_zero(BytesView(raw.boot_id.data(), raw.boot_id.size()).substr(raw.boot_id_size)) &&
         all_zero_behind(raw.nonces) && raw.members < max_members && members_are_known(raw.members, bytes);
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
  if (!is_known(raw, bytes)) {
    return Error{ErrorKind::mismatch, "the metadata file was written by a newer version of Strata"};
  }
  Slot slot;
  slot.metadata.cluster = ClusterId(raw.cluster);
  slot.metadata.node = NodeId(raw.node);
  slot.metadata.incarnation = Incarnation(raw.incarnation);
  slot.metadata.term = Term(raw.term);
  slot.metadata.vote = NodeId(raw.vote);
  slot.metadata.directory = raw.directory;
  slot.metadata.run.boot_id.assign(raw.boot_id.data(), raw.boot_id_size);
  slot.metadata.run.ack = raw.written_suffices != 0 ? Durability::written : Durability::synced;
  slot.metadata.run.ended_cleanly = raw.ended_cleanly != 0;
  slot.metadata.run.recovering = raw.recovering != 0;
  slot.metadata.synced = Position{raw.synced_segment, raw.synced_offset};
  slot.metadata.admission = static_cast<Admission>(raw.admission);
  slot.metadata.members = decode_members(raw.members, bytes);
  slot.metadata.nonces.assign(raw.nonces.begin(), std::ranges::find(raw.nonces, 0U));
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

// The same bytes, before the other slot, which may be the only good one on the disk, is written over: after a failed
// sync the kernel may show a slot that never got there.
Result<void> write_again(File& file, std::size_t number) {
  std::array<char, slot_size> bytes{};
  const Result<std::size_t> read = read_all(file, number * slot_size, bytes);
  if (!read) {
    return read.error();
  }
  if (auto written = write_all(file, number * slot_size, BytesView(bytes.data(), *read)); !written) {
    return written;
  }
  return file.sync();
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

Result<std::array<MetadataSlot, slots>> read_metadata_slots(File& file) {
  std::array<MetadataSlot, slots> found;
  for (std::size_t i = 0; i < slots; ++i) {
    std::array<char, slot_size> bytes{};
    const Result<std::size_t> read = read_all(file, i * slot_size, bytes);
    if (!read) {
      return read.error();
    }
    const Result<std::optional<Slot>> slot = decode_slot(BytesView(bytes.data(), *read));
    found[i].newer = !slot;
    if (slot && *slot) {
      found[i].metadata = (*slot)->metadata;
      found[i].version = (*slot)->version;
    }
  }
  return found;
}

MetadataFile::MetadataFile(std::unique_ptr<File> file, Metadata current, std::uint64_t version, std::size_t slot)
    : file_(std::move(file)), current_(std::move(current)), version_(version), slot_(slot) {}

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
  if (auto again = write_again(**file, newest.number); !again) {
    return again.error();
  }
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
