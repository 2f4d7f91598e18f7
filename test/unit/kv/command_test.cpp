#include "kv/command.hpp"

#include <doctest/doctest.h>

namespace strata::kv {
namespace {

TEST_CASE("a command is read back as it was written, with and without each option") {
  for (const bool once : {false, true}) {
    for (const bool since : {false, true}) {
      for (const bool if_revision : {false, true}) {
        SetCommand command{"key", "value"};
        if (once) {
          command.once = Once{"client", 7, since ? std::optional(LogIndex(5)) : std::nullopt, 12};
        }
        if (if_revision) {
          command.if_revision = LogIndex(0);
        }
        const Bytes encoded = encode_command(command);
        const auto decoded = decode_command(encoded);
        REQUIRE(decoded);
        CHECK(decoded->key == "key");
        CHECK(decoded->value == "value");
        CHECK(decoded->once.has_value() == once);
        if (once) {
          CHECK(decoded->once->client == "client");
          CHECK(decoded->once->number == 7);
          CHECK(decoded->once->since == command.once->since);
          CHECK(decoded->once->max_sessions == 12);
        }
        CHECK(decoded->if_revision == command.if_revision);
      }
    }
  }
}

TEST_CASE("a value may be empty, and hold any bytes") {
  const Bytes value("\0\xff\n", 3);
  CHECK(decode_command(encode_command({"k", ""}))->value.empty());
  const Bytes encoded = encode_command({"k", value});
  CHECK(decode_command(encoded)->value == value);
}

TEST_CASE("what is cut short before the value, or of another version, is refused") {
  const Bytes encoded = encode_command({"key", "", Once{"client", 1, LogIndex(1), 9}, LogIndex(2)});
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    CHECK_FALSE(decode_command(BytesView(encoded).substr(0, size)).has_value());
  }
  Bytes other = encoded;
  other[0] = static_cast<char>(0x7f);
  CHECK_FALSE(decode_command(other).has_value());
}

TEST_CASE("a command that would keep no session at all is refused") {
  CHECK_FALSE(decode_command(encode_command({"key", "", Once{"client", 1, {}, 0}})).has_value());
}

}  // namespace
}  // namespace strata::kv
