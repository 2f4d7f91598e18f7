#include "wal/record_search.hpp"

#include <algorithm>
#include <cstring>

#include "wal/io.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal {

namespace {

constexpr std::size_t tail_chunk = 1 << 20;
constexpr std::size_t near_chunk = 64 << 10;

bool magic_at(BytesView view, std::size_t place) {
  std::uint32_t magic = 0;
  std::memcpy(&magic, view.data() + place, sizeof magic);
  return magic == record_magic;
}

// Hands every valid header to `visit`, as long as it returns true; behind a whole record the search goes on behind it,
// so that nothing inside a value is taken for a header. Returns the end of what is not zero, as far as it has looked.
Result<std::uint64_t> visit_headers(const Segment& segment, std::uint64_t from, std::uint64_t to, std::size_t chunk,
                                    const std::function<bool(const FoundHeader&)>& visit) {
  SegmentReader walk(segment, chunk);
  SegmentReader probe(segment, near_chunk);
  std::uint64_t end = from;
  std::uint64_t skip_to = 0;
  for (std::uint64_t start = from; start < to; start += chunk) {
    const Result<SharedBytes> bytes = walk.bytes(start, std::min<std::uint64_t>(chunk, to - start));
    if (!bytes) {
      return bytes.error();
    }
    const BytesView view = bytes->view();
    if (all_zero(view)) {
      continue;
    }
    end = start + view.find_last_not_of('\0') + 1;
    for (std::size_t i = 0; i + sizeof record_magic <= view.size(); i += record_alignment) {
      if (!magic_at(view, i) || start + i < skip_to) {
        continue;
      }
      const Result<CheckedHeader> header = probe.header(start + i);
      if (!header) {
        continue;
      }
      if (!visit(FoundHeader{start + i, *header})) {
        return end;
      }
      skip_to = probe.record(start + i) ? start + i + record_size(header->header.body_size) : skip_to;
    }
  }
  return end;
}

}  // namespace

Result<Tail> examine_tail(const Segment& segment, std::uint64_t from) {
  Tail tail;
  const auto note = [&tail](const FoundHeader& found) {
    tail.last_header = std::max(tail.last_header, found.offset);
    tail.synced = std::max(tail.synced, found.checked.header.marks.synced);
    return true;
  };
  const Result<std::uint64_t> end = visit_headers(segment, from, segment.file_size, tail_chunk, note);
  if (!end) {
    return end.error();
  }
  tail.end = *end;
  return tail;
}

Result<std::optional<FoundHeader>> find_header(const Segment& segment, std::uint64_t from, std::uint64_t to) {
  std::optional<FoundHeader> first;
  const auto keep = [&first](const FoundHeader& found) {
    first = found;
    return false;
  };
  if (const auto looked = visit_headers(segment, from, std::min(to, segment.file_size), near_chunk, keep); !looked) {
    return looked.error();
  }
  return first;
}

}  // namespace strata::wal
