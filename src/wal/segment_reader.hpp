// Reads a segment's records through a window, so that a walk over a segment costs a few large reads.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/entry.hpp"
#include "base/result.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::wal {

struct Record {
  RecordHeader header;
  std::uint32_t checksum = 0;  // of its header
  std::uint64_t size = 0;      // in the segment
  Entry entry;
};

class SegmentReader {
 public:
  // Reads `read_ahead` bytes at a time, or more when a record needs it. `segment` stays alive and where it is.
  SegmentReader(const Segment& segment, std::size_t read_ahead);

  // The bytes from `offset` on; fewer than `size` only where the file ends. They stay valid as long as they are held.
  Result<SharedBytes> bytes(std::uint64_t offset, std::size_t size);

  // Errors: io; otherwise the text is the reason only (decode_record_header and _body), not the place.
  Result<CheckedHeader> header(std::uint64_t offset);
  Result<Record> record(std::uint64_t offset);

 private:
  Result<void> fill(std::uint64_t offset, std::size_t size);
  bool holds(std::uint64_t offset, std::size_t size) const;

  const Segment& segment_;
  std::uint32_t identity_;
  std::size_t read_ahead_;
  std::shared_ptr<const Bytes> window_;
  std::uint64_t start_ = 0;  // of the window in the file
};

}  // namespace strata::wal
