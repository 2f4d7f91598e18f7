#include "wal/record.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"
#include "wal/io.hpp"

namespace strata::wal {

namespace {

// The header as it stands in the file.
struct RawHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // CRC-32C of all that follows
  std::uint32_t body_size;
  std::uint8_t type;
  std::uint8_t reserved[3];
  std::uint64_t term;
  std::uint64_t index;
  std::uint32_t link;
  std::uint32_t segment;
  std::uint32_t offset;
  std::uint32_t synced_segment;
  std::uint32_t synced_offset;
  std::uint32_t identity;
  std::uint64_t commit_index;
};
static_assert(sizeof(RawHeader) == record_header_size);
static_assert(std::has_unique_object_representations_v<RawHeader>);

constexpr std::size_t checksummed_from = offsetof(RawHeader, body_size);

BytesView view_of(const RawHeader& raw) {
  return {reinterpret_cast<const char*>(&raw), sizeof raw};
}

Error damage(const char* reason) {
  return {ErrorKind::damaged, reason};
}

RecordHeader header_of(const RawHeader& raw) {
  RecordHeader header;
  header.type = static_cast<RecordType>(raw.type);
  header.body_size = raw.body_size;
  header.term = Term(raw.term);
  header.index = LogIndex(raw.index);
  header.link = raw.link;
  header.position = Position{raw.segment, raw.offset};
  header.marks = Marks{Position{raw.synced_segment, raw.synced_offset}, LogIndex(raw.commit_index)};
  return header;
}

}  // namespace

std::uint32_t identity_of(ClusterId cluster, NodeId node) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.number(cluster.value);
  writer.number(node.value);
  return crc32c(bytes);
}

std::uint32_t encode_record(Bytes& out, const RecordHeader& header, BytesView body, std::uint32_t identity) {
  STRATA_ASSERT(body.size() == header.body_size);
  RawHeader raw{};
  raw.magic = record_magic;
  raw.body_size = header.body_size;
  raw.type = static_cast<std::uint8_t>(header.type);
  raw.term = header.term.value;
  raw.index = header.index.value;
  raw.link = header.link;
  raw.segment = header.position.segment;
  raw.offset = header.position.offset;
  raw.synced_segment = header.marks.synced.segment;
  raw.synced_offset = header.marks.synced.offset;
  raw.identity = identity;
  raw.commit_index = header.marks.commit_index.value;
  raw.checksum = crc32c(view_of(raw).substr(checksummed_from));
  out.append(view_of(raw));
  out.append(body);
  out.append(record_size(body.size()) - record_header_size - body.size(), '\0');
  return raw.checksum;
}

Result<CheckedHeader> decode_record_header(BytesView bytes, std::uint32_t identity, Position position) {
  RawHeader raw{};
  if (bytes.size() < sizeof raw) {
    return damage("the file ends inside a record's header");
  }
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != record_magic) {
    return damage("no record begins here");
  }
  if (crc32c(view_of(raw).substr(checksummed_from)) != raw.checksum) {
    return damage("the header's checksum is wrong");
  }
  if (raw.identity != identity) {
    return damage("the record was written by another node or cluster");
  }
  if (Position{raw.segment, raw.offset} != position) {
    return damage("the record was written for another place");
  }
  constexpr auto restart = static_cast<std::uint8_t>(RecordType::restart);
  const bool known = raw.type == static_cast<std::uint8_t>(RecordType::entry) || raw.type == restart ||
                     raw.type == static_cast<std::uint8_t>(RecordType::repair);
  if (!known || (raw.type == restart && raw.body_size != 0) ||
      (raw.reserved[0] | raw.reserved[1] | raw.reserved[2]) != 0) {
    return Error{ErrorKind::mismatch, "the record is of a kind that a newer version of Strata writes"};
  }
  return CheckedHeader{header_of(raw), raw.checksum};
}

Result<Entry> decode_record_body(const RecordHeader& header, const SharedBytes& body_and_padding) {
  const BytesView bytes = body_and_padding.view();
  if (bytes.size() != record_size(header.body_size) - record_header_size) {
    return damage("the file ends inside the record's body");
  }
  if (header.type == RecordType::restart) {
    return Entry{header.term, header.index, EntryType::no_op, {}};
  }
  std::optional<Entry> entry = decode_entry(SharedBytes(body_and_padding.owner(), bytes.substr(0, header.body_size)));
  if (!entry) {
    return damage("the body's checksum is wrong");
  }
  if (entry->term != header.term || entry->index != header.index) {
    return damage("header and body disagree on term or index");
  }
  if (!all_zero(bytes.substr(header.body_size))) {
    return damage("the padding is not zero");
  }
  return std::move(*entry);
}

}  // namespace strata::wal
