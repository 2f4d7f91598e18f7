#include "wal/segment_reader.hpp"

#include <algorithm>
#include <utility>

#include "wal/io.hpp"

namespace strata::wal {

SegmentReader::SegmentReader(const Segment& segment, std::size_t read_ahead)
    : segment_(segment),
      identity_(identity_of(segment.head.cluster, segment.head.node)),
      read_ahead_(read_ahead),
      window_(std::make_shared<const Bytes>()) {}

bool SegmentReader::holds(std::uint64_t offset, std::size_t size) const {
  return offset >= start_ && offset + size <= start_ + window_->size();
}

Result<void> SegmentReader::fill(std::uint64_t offset, std::size_t size) {
  const std::uint64_t left = segment_.file_size - std::min(offset, segment_.file_size);
  Bytes fresh(std::min<std::uint64_t>(std::max(size, read_ahead_), left), '\0');
  const Result<std::size_t> read = read_all(*segment_.file, offset, fresh);
  if (!read) {
    return read.error();
  }
  fresh.resize(*read);
  window_ = std::make_shared<const Bytes>(std::move(fresh));
  start_ = offset;
  return {};
}

Result<SharedBytes> SegmentReader::bytes(std::uint64_t offset, std::size_t size) {
  if (!holds(offset, size)) {
    if (auto filled = fill(offset, size); !filled) {
      return filled.error();
    }
  }
  return SharedBytes(window_, BytesView(*window_).substr(offset - start_, size));
}

Result<CheckedHeader> SegmentReader::header(std::uint64_t offset) {
  const Result<SharedBytes> head = bytes(offset, record_header_size);
  if (!head) {
    return head.error();
  }
  const Position position{segment_.head.sequence, static_cast<std::uint32_t>(offset)};
  Result<CheckedHeader> checked = decode_record_header(head->view(), identity_, position);
  if (checked && offset + record_size(checked->header.body_size) > segment_.head.size) {
    return Error{ErrorKind::damaged, "the record reaches beyond its segment"};
  }
  if (checked && checked->header.marks.synced > position) {
    return Error{ErrorKind::damaged, "the record's synced mark lies behind it"};
  }
  return checked;
}

Result<Record> SegmentReader::record(std::uint64_t offset) {
  const Result<CheckedHeader> checked = header(offset);
  if (!checked) {
    return checked.error();
  }
  const std::uint64_t size = record_size(checked->header.body_size);
  const Result<SharedBytes> body = bytes(offset + record_header_size, size - record_header_size);
  if (!body) {
    return body.error();
  }
  Result<Entry> entry = decode_record_body(checked->header, *body);
  if (!entry) {
    return entry.error();
  }
  return Record{checked->header, checked->checksum, size, std::move(*entry)};
}

}  // namespace strata::wal
