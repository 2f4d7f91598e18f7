// Sectors of the last segment that cannot be read, to who only looks and to a node: no part of the log that was there
// is passed over in silence.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/forgiving_file.hpp"
#include "wal/inspection.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::size_t payload = 1000;  // records of 1096 bytes, entry i at 4096 + (i - 1) * 1096
constexpr std::uint64_t block = ForgivingFile::block;

class Kept final : public InspectionVisitor {
 public:
  void on_record(const Segment&, const Record& record) override { records.push_back(record.header.index.value); }
  void on_finding(const Finding& finding) override { findings.push_back(finding); }

  std::vector<std::uint64_t> records;
  std::vector<Finding> findings;
};

// A segment with 20 entries, of which no mark says that they are synced.
struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(64 << 10);
  std::string path = segment_path("data", 1);
  Kept kept;

  Bench() {
    REQUIRE(files.make_directory("data"));
    Metadata metadata;
    metadata.cluster = options.cluster;
    metadata.node = options.node;
    metadata.incarnation = Incarnation(1);
    REQUIRE(MetadataFile::open(files, "data", metadata));
    const auto log = Log::open(files, options, lines);
    REQUIRE(log);
    const auto target = (*log)->append(sample_entries(1, 20, 1, payload), Marks{{}, LogIndex(15)});
    REQUIRE(target);
    REQUIRE(target->sync());
    options.repairable = true;
  }
  void make_unreadable(std::uint64_t from, std::uint64_t to) {
    files.set_fault([this, from, to](const FileCall& call) -> std::optional<Error> {
      const bool touches = call.offset < to && call.offset + call.size > from;
      return call.operation == FileOperation::read && call.path == path && touches
                 ? std::optional(Error{ErrorKind::io, "cannot read: Input/output error"})
                 : std::nullopt;
    });
  }
  Inspection inspect() {
    auto found = wal::inspect(files, "data", kept);
    REQUIRE(found);
    return std::move(*found);
  }
  std::unique_ptr<Log> open() {
    auto log = Log::open(files, options, lines);
    REQUIRE(log);
    return std::move(*log);
  }
  void check(std::size_t finding, std::uint64_t first, std::uint64_t last) const {
    REQUIRE(finding < kept.findings.size());
    CHECK(kept.findings[finding].verdict == Verdict::damaged);
    CHECK(kept.findings[finding].first == LogIndex(first));
    CHECK(kept.findings[finding].last == LogIndex(last));
  }
};

}  // namespace

TEST_CASE("an unreadable sector among records that no mark vouches for is damage, and what stands behind it is read") {
  Bench bench;
  bench.make_unreadable(3 * block, 4 * block);  // the end of entry 8, entries 9 to 11, the header of entry 12
  const Inspection found = bench.inspect();
  CHECK(found.torn_bytes == 0);
  CHECK(found.last_index == LogIndex(20));
  CHECK(bench.kept.records == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 16, 17, 18, 19, 20});
  REQUIRE(bench.kept.findings.size() == 3);
  bench.check(0, 8, 8);
  bench.check(1, 9, 12);
  bench.check(2, 0, 0);  // the sector itself
  CHECK(bench.kept.findings[2].offset == 3 * block);

  const auto log = bench.open();
  CHECK(log->recovered().holes == std::vector<Hole>{{LogIndex(8), LogIndex(12), true}});
  CHECK(log->last_index() == LogIndex(20));
}

TEST_CASE("behind a log that ends in an unreadable sector it is not known what there was") {
  Bench bench;
  bench.make_unreadable(6 * block, 7 * block);  // the end of entry 19, entry 20
  const Inspection found = bench.inspect();
  CHECK(found.torn_bytes == 0);
  CHECK(found.last_index == LogIndex(19));
  REQUIRE(bench.kept.findings.size() == 3);
  bench.check(0, 19, 19);
  bench.check(1, 0, 0);
  bench.check(2, 16, 0);  // what was not committed may have been overridden

  const auto log = bench.open();
  CHECK(log->recovered().end_unknown);
  CHECK(log->last_index() == LogIndex(15));
}

TEST_CASE("an unreadable sector in the space behind the log costs no entry, and says that there may have been more") {
  Bench bench;
  bench.make_unreadable(9 * block, 11 * block);
  const Inspection found = bench.inspect();
  CHECK(found.torn_bytes == 0);
  CHECK(found.last_index == LogIndex(20));
  REQUIRE(bench.kept.findings.size() == 1);
  bench.check(0, 21, 0);
  CHECK(bench.kept.findings[0].offset == 9 * block);
  CHECK(bench.kept.findings[0].length == 2 * block);

  const auto log = bench.open();
  CHECK(log->recovered().is_damaged);
  CHECK(log->recovered().end_unknown);
  CHECK(log->last_index() == LogIndex(20));
}

TEST_CASE("neighbouring blocks that cannot be read are one stretch, in whatever order they are met") {
  MemoryFiles files;
  files.set_content("f", Bytes(10 * block, 'x'));
  files.set_fault([](const FileCall& call) -> std::optional<Error> {
    const bool bad =
        call.operation == FileOperation::read && call.offset + call.size > 2 * block && call.offset < 7 * block;
    return bad ? std::optional(Error{ErrorKind::io, "bad"}) : std::nullopt;
  });
  ForgivingFile file(*files.open_to_read("f"));
  Bytes into(block, '\0');
  for (const std::uint64_t at : {4U, 2U, 6U, 3U, 3U, 5U, 8U}) {
    REQUIRE(file.read_at(at * block, into));
  }
  REQUIRE(file.unreadable().size() == 1);
  CHECK(file.unreadable().begin()->first == 2 * block);
  CHECK(file.unreadable_end() == 7 * block);
  CHECK(file.is_unreadable(7 * block - 1, 8 * block));
  CHECK_FALSE(file.is_unreadable(7 * block, 8 * block));
  CHECK_FALSE(file.is_unreadable(0, 2 * block));
}
