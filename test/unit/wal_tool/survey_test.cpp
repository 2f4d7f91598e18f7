// What a salvage learns of the directory before it copies anything.
#include "wal_tool/salvage_survey.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

#include "wal/segment.hpp"

using namespace strata;
using namespace strata::wal_tool;

TEST_CASE("the segments to be made are as large as the largest that holds a record, within bounds") {
  const auto size_after = [](std::initializer_list<std::uint64_t> sizes) {
    Survey survey;
    for (const std::uint64_t size : sizes) {
      wal::Segment segment;
      segment.head.size = static_cast<std::uint32_t>(size);
      survey.on_record(segment, wal::Record{});
    }
    return survey.segment_size();
  };
  CHECK(size_after({}) == 64 << 10);
  CHECK(size_after({4096}) == 64 << 10);
  CHECK(size_after({1 << 20}) == 1 << 20);
  CHECK(size_after({1 << 20, 4 << 20, 64 << 10}) == 4 << 20);
  CHECK(size_after({wal::max_segment_size}) == 64 << 20);
}
