#include "wal/record.hpp"

#include <doctest/doctest.h>

#include "base/checksum.hpp"
#include "support/log_samples.hpp"
#include "support/show_result.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr Position place{3, 4096 + 128};
const std::uint32_t identity = identity_of(ClusterId(77), NodeId(2));

Bytes encoded(const Entry& entry, std::uint32_t* checksum = nullptr) {
  RecordHeader header;
  header.body_size = static_cast<std::uint32_t>(entry.body.size());
  header.term = entry.term;
  header.index = entry.index;
  header.link = 0xABCD1234;
  header.position = place;
  header.marks = Marks{Position{3, 4096}, LogIndex(6)};
  Bytes out;
  const std::uint32_t sum = encode_record(out, header, entry.body.view(), identity);
  if (checksum != nullptr) {
    *checksum = sum;
  }
  return out;
}

Result<Entry> decoded(const Bytes& bytes) {
  const auto header = decode_record_header(bytes, identity, place);
  if (!header) {
    return header.error();
  }
  if (record_size(header->header.body_size) != bytes.size()) {
    return Error{ErrorKind::damaged, "the length is wrong"};
  }
  return decode_record_body(header->header, SharedBytes(bytes.substr(record_header_size)));
}

// Changes a byte of the header and makes its checksum right again.
void set_byte(Bytes& record, std::size_t at, char value) {
  record[at] = value;
  const std::uint32_t checksum = crc32c(BytesView(record).substr(8, 56));
  std::memcpy(record.data() + 4, &checksum, sizeof checksum);
}

}  // namespace

TEST_CASE("a record comes back as it was written") {
  for (const std::size_t size : {0U, 1U, 3U, 4U, 5U, 11U, 12U, 100U, 4096U, 70000U}) {
    CAPTURE(size);
    const Entry entry = sample_entry(9, 5, size);
    std::uint32_t checksum = 0;
    const Bytes bytes = encoded(entry, &checksum);
    CHECK(bytes.size() % record_alignment == 0);
    const auto header = decode_record_header(bytes, identity, place);
    REQUIRE(header);
    CHECK(header->checksum == checksum);
    CHECK(header->header.body_size == entry.body.size());
    CHECK(header->header.term == Term(5));
    CHECK(header->header.index == LogIndex(9));
    CHECK(header->header.link == 0xABCD1234);
    CHECK(header->header.position == place);
    CHECK(header->header.marks.synced == Position{3, 4096});
    CHECK(header->header.marks.commit_index == LogIndex(6));
    const auto back = decoded(bytes);
    REQUIRE(back);
    CHECK(same_entries({*back}, {entry}));
  }
}

TEST_CASE("every flipped bit of a record is detected") {
  for (const std::size_t size : {0U, 1U, 37U}) {
    const Bytes good = encoded(sample_entry(9, 5, size));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      CAPTURE(bit);
      CHECK_FALSE(decoded(bad));
    }
  }
}

TEST_CASE("a record that stands elsewhere than it was written for is refused") {
  const Bytes bytes = encoded(sample_entry(9, 5, 20));
  CHECK(decode_record_header(bytes, identity, Position{3, place.offset + 8}).error().kind == ErrorKind::damaged);
  CHECK(decode_record_header(bytes, identity, Position{4, place.offset}).error().kind == ErrorKind::damaged);
}

TEST_CASE("a record of another node or cluster is refused") {
  const Bytes bytes = encoded(sample_entry(9, 5, 20));
  CHECK_FALSE(decode_record_header(bytes, identity_of(ClusterId(77), NodeId(3)), place));
  CHECK_FALSE(decode_record_header(bytes, identity_of(ClusterId(78), NodeId(2)), place));
}

TEST_CASE("a sound record of an unknown type, or with reserved bytes in use, is not called damaged") {
  for (const std::size_t at : {12U, 13U, 14U, 15U}) {
    Bytes bytes = encoded(sample_entry(9, 5, 20));
    set_byte(bytes, at, 2);
    CHECK(decode_record_header(bytes, identity, place).error().kind == ErrorKind::mismatch);
  }
}

TEST_CASE("a body under the header of another entry is refused") {
  const Entry entry = sample_entry(9, 5, 20);
  RecordHeader header;
  header.body_size = static_cast<std::uint32_t>(entry.body.size());
  header.term = Term(5);
  header.index = LogIndex(10);
  CHECK_FALSE(decode_record_body(header, entry.body));
  header.index = LogIndex(9);
  CHECK(decode_record_body(header, entry.body));
  header.term = Term(4);
  CHECK_FALSE(decode_record_body(header, entry.body));
}

TEST_CASE("a record that is cut short anywhere is refused") {
  const Bytes whole = encoded(sample_entry(9, 5, 30));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decoded(whole.substr(0, size)));
  }
}
