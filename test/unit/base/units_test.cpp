#include "base/units.hpp"

#include <doctest/doctest.h>

namespace strata {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations are read with their units") {
  CHECK((parse_duration("0").value() == 0ns));
  CHECK((parse_duration("500us").value() == 500us));
  CHECK((parse_duration("2ms").value() == 2ms));
  CHECK((parse_duration("1s").value() == 1s));
  CHECK((parse_duration("1h").value() == 1h));
}

TEST_CASE("what is not a duration is refused with what would be right") {
  for (const char* text : {"", "5", "ms", "-1ms", "1.5s", "1 s", "1S", "99999999999999999999s", "9999999999h"}) {
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::invalid);
    CHECK(parsed.error().text.find("2ms") != std::string::npos);
  }
}

TEST_CASE("sizes are read with their units") {
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("64KiB").value() == 64 << 10);
  CHECK(parse_size("16MiB").value() == 16 << 20);
}

TEST_CASE("what is not a size is refused") {
  for (const char* text : {"", "KiB", "1KB", "1.5MiB", "-1", "9999999999999999GiB"}) {
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("what is written is read back") {
  for (const Duration duration : {Duration(0ns), Duration(1ns), Duration(1500us), Duration(2min), Duration(500ms)}) {
    CHECK((parse_duration(format_duration(duration)).value() == duration));
  }
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1536}, std::uint64_t{64} << 20}) {
    CHECK(parse_size(format_size(bytes)).value() == bytes);
  }
}

}  // namespace
}  // namespace strata
