#include "wal/data_directory.hpp"

#include <doctest/doctest.h>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(16384);

  Result<DataDirectory> open() { return open_data_directory(files, options, lines); }
  ErrorKind refusal() {
    const auto opened = open();
    REQUIRE_FALSE(opened);
    return opened.error().kind;
  }
};

}  // namespace

TEST_CASE("each start of a data directory raises its incarnation, durably") {
  Bench bench;
  for (std::uint64_t start = 1; start < 4; ++start) {
    const auto opened = bench.open();
    REQUIRE(opened);
    CHECK(opened->metadata->current().incarnation == Incarnation(start));
    CHECK(opened->metadata->current().term == Term(0));
    bench.files.lose_power(keep_nothing());
  }
}

TEST_CASE("a data directory is opened once at a time") {
  Bench bench;
  auto opened = bench.open();
  REQUIRE(opened);
  CHECK(bench.refusal() == ErrorKind::in_use);
  opened->lock.reset();
  CHECK(bench.open());
}

TEST_CASE("the directory of another node or cluster is refused") {
  Bench bench;
  REQUIRE(bench.open());
  SUBCASE("node") {
    bench.options.node = NodeId(3);
  }
  SUBCASE("cluster") {
    bench.options.cluster = ClusterId(1);
  }
  CHECK(bench.refusal() == ErrorKind::mismatch);
}

TEST_CASE("a log without metadata and metadata without a log are losses, not a new directory") {
  Bench bench;
  REQUIRE(bench.open());
  SUBCASE("metadata") {
    REQUIRE(bench.files.remove("data/metadata"));
  }
  SUBCASE("log") {
    REQUIRE(bench.files.remove("data/wal-0000000001.log"));
  }
  CHECK(bench.refusal() == ErrorKind::damaged);
}

TEST_CASE("a first start that is interrupted at any call is taken up by the next") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    bool finished = false;
    for (std::uint64_t stop = 0; !finished; ++stop) {
      Bench bench;
      bench.files.stop_at(stop);
      finished = static_cast<bool>(bench.open());
      bench.files.lose_power(choose_by_seed(seed + stop * 100));
      const auto opened = bench.open();
      CAPTURE(stop);
      CAPTURE(seed);
      REQUIRE(opened);
      const std::uint64_t incarnation = opened->metadata->current().incarnation.value;
      CHECK((finished ? incarnation == 2 : incarnation == 1 || incarnation == 2));
    }
  }
}
