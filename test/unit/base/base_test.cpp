#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "base/checksum.hpp"
#include "base/entry.hpp"

namespace strata {
namespace {

TEST_CASE("crc32c gives the check value of CRC-32C") {
  CHECK(crc32c("123456789") == 0xE3069283U);
  CHECK(crc32c("") == 0U);
}

TEST_CASE("crc32c can be continued over parts") {
  CHECK(crc32c_extend(crc32c("1234"), "56789") == crc32c("123456789"));
}

TEST_CASE("a reader that runs past the end stays failed and reads zeros") {
  Bytes bytes;
  ByteWriter(bytes).number(std::uint16_t{7});
  ByteReader reader(bytes);
  CHECK(reader.number<std::uint32_t>() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.number<std::uint8_t>() == 0);
  CHECK_FALSE(reader.finished());
}

TEST_CASE("a sized field longer than what is left fails instead of reading on") {
  Bytes bytes;
  ByteWriter(bytes).number(std::uint32_t{0xFFFFFFFF});
  ByteReader reader(bytes);
  CHECK(reader.sized().empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("an entry is decoded from its body") {
  const Entry entry = make_entry(EntryType::command, Term(3), LogIndex(9), "payload");
  const auto decoded = decode_entry(entry.body);
  REQUIRE(decoded);
  CHECK(decoded->term == Term(3));
  CHECK(decoded->index == LogIndex(9));
  CHECK(decoded->type == EntryType::command);
  CHECK(decoded->payload() == "payload");
  CHECK(entry_size(entry.body.view()) == entry.body.size());
}

TEST_CASE("every flipped bit of an entry's body is seen") {
  const Entry entry = make_entry(EntryType::command, Term(3), LogIndex(9), "payload");
  for (std::size_t bit = 0; bit < entry.body.size() * 8; ++bit) {
    Bytes damaged(entry.body.view());
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(decode_entry(SharedBytes(damaged)).has_value());
  }
}

TEST_CASE("an entry's body cut at any byte is refused") {
  const Entry entry = make_entry(EntryType::no_op, Term(1), LogIndex(1), "");
  for (std::size_t size = 0; size < entry.body.size(); ++size) {
    CHECK_FALSE(decode_entry(SharedBytes(Bytes(entry.body.view().substr(0, size)))).has_value());
    CHECK_FALSE(entry_size(entry.body.view().substr(0, size)).has_value());
  }
}

}  // namespace
}  // namespace strata
