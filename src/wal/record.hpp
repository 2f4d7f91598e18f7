// A record of the log as bytes (docs/wal_format.md): a header of 64 bytes, the body, zeros up to a multiple of 8.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/log.hpp"

namespace strata::wal {

inline constexpr std::size_t record_header_size = 64;
inline constexpr std::size_t record_alignment = 8;
inline constexpr std::uint32_t record_magic = 0x4C415753;  // "SWAL"

// Types 2 to 15 are set aside; see the format's description.
enum class RecordType : std::uint8_t {
  entry = 1,
  restart = 16,  // no entry of the log holds any more, it goes on behind the entry (term, index) that a snapshot holds
  repair = 17,   // an entry whose own record is damaged: it takes its place, and overrides nothing behind it
};

struct RecordHeader {
  RecordType type = RecordType::entry;
  std::uint32_t body_size = 0;
  Term term;
  LogIndex index;
  std::uint32_t link = 0;  // the checksum of the header before it: the last record's, or the segment head's
  Position position;       // its own
  Marks marks;
};

struct CheckedHeader {
  RecordHeader header;
  std::uint32_t checksum = 0;  // what the next record's link must be
};

// Whose records they are, in 32 bits.
std::uint32_t identity_of(ClusterId cluster, NodeId node);

// Bytes that a record with such a body takes in a segment.
constexpr std::uint64_t record_size(std::uint64_t body_size) {
  return (record_header_size + body_size + record_alignment - 1) / record_alignment * record_alignment;
}

// Appends the record to `out` and returns its header's checksum. `body.size()` == header.body_size.
std::uint32_t encode_record(Bytes& out, const RecordHeader& header, BytesView body, std::uint32_t identity);

// Decodes the first record_header_size bytes. Errors, the text being the reason only: damaged when they are no header
// of a record written by `identity` at `position`; mismatch when they are one of a type this version does not know.
Result<CheckedHeader> decode_record_header(BytesView bytes, std::uint32_t identity, Position position);

// Decodes what follows the header, padding included; the entry shares the buffer. Of a restart it has term and index
// only. damaged, with the reason, when it is
// not what the header announces.
Result<Entry> decode_record_body(const RecordHeader& header, const SharedBytes& body_and_padding);

}  // namespace strata::wal
