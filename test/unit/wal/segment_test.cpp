#include "wal/segment.hpp"

#include <doctest/doctest.h>

#include "base/checksum.hpp"
#include "support/log_samples.hpp"
#include "support/show_result.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

SegmentHead sample_head() {
  SegmentHead head;
  head.size = 65536;
  head.cluster = ClusterId(77);
  head.node = NodeId(2);
  head.sequence = 9;
  head.previous_link = 0x12345678;
  head.previous_end = 60000;
  head.last_index = LogIndex(1000);
  head.last_term = Term(4);
  return head;
}

}  // namespace

TEST_CASE("a segment's head comes back as it was written") {
  const Bytes bytes = encode_segment_head(sample_head());
  CHECK(bytes.size() == segment_head_size);
  const auto back = decode_segment_head(bytes);
  REQUIRE(back);
  CHECK(back->head == sample_head());
}

TEST_CASE("every flipped bit of a segment's head is detected") {
  const Bytes good = encode_segment_head(sample_head());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    if (decode_segment_head(bad)) {
      FAIL("bit ", bit);
    }
  }
}

TEST_CASE("a head of another format version is a mismatch, not damage") {
  Bytes bytes = encode_segment_head(sample_head());
  bytes[8] = 2;
  const std::uint32_t checksum = crc32c(BytesView(bytes).substr(8));
  std::memcpy(bytes.data() + 4, &checksum, sizeof checksum);
  CHECK(decode_segment_head(bytes).error().kind == ErrorKind::mismatch);
}

TEST_CASE("segment names carry their number, and nothing else is taken for one") {
  CHECK(segment_path("dir", 1) == "dir/wal-0000000001.log");
  CHECK(segment_path("dir", 4294967295) == "dir/wal-4294967295.log");
  CHECK(segment_sequence("wal-0000000012.log") == 12);
  for (const char* name : {"wal-12.log", "wal-0000000012.log.own-1.tmp", "wal-000000001x.log", "wal-9999999999.log",
                           "xal-0000000012.log", "metadata", "wal-+000000012.log"}) {
    CAPTURE(name);
    CHECK_FALSE(segment_sequence(name));
  }
  CHECK(is_temporary_segment("wal-0000000012.log.spare.tmp"));
  CHECK_FALSE(is_temporary_segment("wal-0000000012.log"));
  CHECK_FALSE(is_temporary_segment("metadata.tmp"));
}

TEST_CASE("a segment is large enough for the record it is made for") {
  const LogOptions options = sample_options(16384);
  CHECK(segment_size_for(options, 0) == 16384);
  CHECK(segment_size_for(options, 12288) == 16384);
  CHECK(segment_size_for(options, 12289) == 20480);
}
