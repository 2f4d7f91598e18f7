#include "wal/log.hpp"

#include <doctest/doctest.h>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(16384);

  Bench() { REQUIRE(files.make_directory("data")); }

  std::unique_ptr<Log> open() {
    auto log = Log::open(files, options, lines);
    if (!log) {
      FAIL(log.error().text);
    }
    return std::move(*log);
  }
};

void append(Log& log, const std::vector<Entry>& entries) {
  const auto target = log.append(entries, Marks{});
  if (!target) {
    FAIL(target.error().text);
  }
  CHECK(target->end == log.end());
}

void check_content(Log& log, const std::vector<Entry>& expected) {
  const auto entries = all_entries(log);
  if (!entries) {
    FAIL(entries.error().text);
  }
  CHECK(same_entries(*entries, expected));
}

std::vector<Entry> joined(std::vector<Entry> a, const std::vector<Entry>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("a new log is empty") {
  Bench bench;
  const auto log = bench.open();
  CHECK(log->last_index() == LogIndex(0));
  CHECK(log->end() == Position{1, 4096});
  CHECK(log->recovered().segments == 1);
  CHECK(log->recovered().records == 0);
  CHECK(log->recovered().term_runs.empty());
}

TEST_CASE("what was appended is read back, at once and after the log is opened again") {
  Bench bench;
  const auto entries = joined(sample_entries(1, 10, 1, 50), sample_entries(11, 20, 3, 0));
  {
    const auto log = bench.open();
    append(*log, {entries.begin(), entries.begin() + 7});
    append(*log, {entries.begin() + 7, entries.end()});
    CHECK(log->last_index() == LogIndex(20));
    check_content(*log, entries);
  }
  bench.files.kill_process();
  const auto log = bench.open();
  check_content(*log, entries);
  CHECK(log->recovered().last_index == LogIndex(20));
  CHECK(log->recovered().records == 20);
  CHECK(log->recovered().torn_bytes == 0);
  CHECK(log->recovered().term_runs == std::vector<TermRun>{{Term(1), LogIndex(1)}, {Term(3), LogIndex(11)}});
}

TEST_CASE("an empty batch changes nothing") {
  Bench bench;
  const auto log = bench.open();
  append(*log, {});
  CHECK(log->end() == Position{1, 4096});
}

TEST_CASE("a lower index overrides that entry and all behind it") {
  Bench bench;
  const auto newer = sample_entries(4, 6, 2, 30);
  const auto expected = joined(sample_entries(1, 3, 1, 50), newer);
  {
    const auto log = bench.open();
    append(*log, sample_entries(1, 10, 1, 50));
    append(*log, newer);
    CHECK(log->last_index() == LogIndex(6));
    check_content(*log, expected);
  }
  const auto log = bench.open();
  check_content(*log, expected);
  CHECK(log->recovered().records == 13);
  CHECK(log->recovered().term_runs == std::vector<TermRun>{{Term(1), LogIndex(1)}, {Term(2), LogIndex(4)}});
  append(*log, sample_entries(2, 3, 3, 10));
  append(*log, sample_entries(3, 3, 4, 10));
  append(*log, sample_entries(2, 2, 5, 10));
  const auto again = bench.open();
  check_content(*again, joined(sample_entries(1, 1, 1, 50), sample_entries(2, 2, 5, 10)));
  CHECK(again->recovered().term_runs == std::vector<TermRun>{{Term(1), LogIndex(1)}, {Term(5), LogIndex(2)}});
}

TEST_CASE("a full segment is followed by the next, also in the middle of a batch") {
  Bench bench;
  const auto entries = sample_entries(1, 100, 1, 500);
  {
    const auto log = bench.open();
    append(*log, {entries.begin(), entries.begin() + 3});
    append(*log, {entries.begin() + 3, entries.end()});
    CHECK(log->end().segment > 3);
    check_content(*log, entries);
  }
  bench.files.lose_power(keep_everything());
  const auto log = bench.open();
  check_content(*log, entries);
  CHECK(log->recovered().segments == log->end().segment);
  CHECK(bench.files.content("data/wal-0000000002.log").size() == 16384);
}

TEST_CASE("an entry is overridden across segments") {
  Bench bench;
  const auto expected = joined(sample_entries(1, 4, 1, 500), sample_entries(5, 50, 2, 700));
  {
    const auto log = bench.open();
    append(*log, sample_entries(1, 60, 1, 500));
    append(*log, sample_entries(5, 50, 2, 700));
    check_content(*log, expected);
  }
  const auto log = bench.open();
  check_content(*log, expected);
}

TEST_CASE("a record that no segment can hold gets one of its own size") {
  Bench bench;
  const auto entries =
      joined(sample_entries(1, 2, 1, 100), joined({sample_entry(3, 1, 102300)}, sample_entries(4, 5, 1, 100)));
  {
    const auto log = bench.open();
    auto spare = prepare_segment(bench.files, bench.options, *log->wants_spare());
    REQUIRE(spare);
    log->give_spare(std::move(*spare));
    append(*log, entries);
    CHECK(log->end().segment == 3);
    check_content(*log, entries);
  }
  CHECK(bench.files.content("data/wal-0000000002.log").size() == 106496);
  CHECK(bench.files.content("data/wal-0000000003.log").size() == 16384);
  const auto log = bench.open();
  check_content(*log, entries);
}

TEST_CASE("writes that take one byte at a time write the same log") {
  Bench bench;
  const auto entries = sample_entries(1, 40, 1, 500);
  {
    const auto log = bench.open();
    bench.files.set_most_written(1);
    append(*log, entries);
    check_content(*log, entries);
  }
  const Bytes piecewise = bench.files.content("data/wal-0000000001.log");
  Bench other;
  append(*other.open(), entries);
  CHECK(other.files.content("data/wal-0000000001.log") == piecewise);
  check_content(*bench.open(), entries);
}

TEST_CASE("a batch is one write, and appending syncs nothing") {
  Bench bench;
  bench.options.segment_size = 4 << 20;
  const auto log = bench.open();
  std::uint64_t writes = 0;
  bench.files.set_fault([&](const FileCall& call) {
    CHECK(call.operation == FileOperation::write);
    ++writes;
    return std::nullopt;
  });
  append(*log, sample_entries(1, 3000, 1, 150));
  CHECK(writes == 1);
  bench.files.set_fault(nullptr);
}

TEST_CASE("the sync target makes what was appended before it durable") {
  Bench bench;
  const auto log = bench.open();
  const auto target = log->append(sample_entries(1, 5, 1, 50), Marks{});
  REQUIRE(target);
  REQUIRE(target->sync());
  append(*log, sample_entries(6, 6, 1, 50));
  bench.files.lose_power(keep_nothing());
  check_content(*bench.open(), sample_entries(1, 5, 1, 50));
}

TEST_CASE("a cut syncs the segment it leaves") {
  Bench bench;
  const auto log = bench.open();
  append(*log, sample_entries(1, 60, 1, 500));
  REQUIRE(log->end().segment == 3);
  bench.files.lose_power(keep_nothing());
  const auto again = bench.open();
  CHECK(again->end() == Position{3, 4096});
  CHECK(again->recovered().records == 40);
}

TEST_CASE("a spare is wanted until it is given, and the next cut uses it") {
  Bench bench;
  const auto log = bench.open();
  CHECK(log->wants_spare() == 2);
  auto spare = prepare_segment(bench.files, bench.options, 2);
  REQUIRE(spare);
  log->give_spare(std::move(*spare));
  CHECK_FALSE(log->wants_spare());
  bench.files.set_fault([&](const FileCall& call) {
    CHECK(call.operation != FileOperation::create);
    return std::nullopt;
  });
  append(*log, sample_entries(1, 30, 1, 500));
  CHECK(log->end().segment == 2);
  CHECK(log->wants_spare() == 3);
  bench.files.set_fault(nullptr);
}

TEST_CASE("a spare that came too late serves the cut after it") {
  Bench bench;
  const auto log = bench.open();
  auto spare = prepare_segment(bench.files, bench.options, *log->wants_spare());
  REQUIRE(spare);
  append(*log, sample_entries(1, 30, 1, 500));
  log->give_spare(std::move(*spare));
  append(*log, sample_entries(31, 60, 1, 500));
  CHECK(log->end().segment == 3);
  check_content(*log, sample_entries(1, 60, 1, 500));
  check_content(*bench.open(), sample_entries(1, 60, 1, 500));
}

TEST_CASE("a full disk refuses a new segment and changes nothing; the log goes on when there is room") {
  Bench bench;
  const auto log = bench.open();
  append(*log, sample_entries(1, 10, 1, 500));
  const Position end = log->end();
  int creations = 0;
  bench.files.set_fault([&](const FileCall& call) {
    return call.operation == FileOperation::create && ++creations == 2
               ? std::optional(Error{ErrorKind::no_space, "full"})
               : std::nullopt;
  });
  const auto refused = log->append(sample_entries(11, 100, 1, 500), Marks{});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::no_space);
  CHECK(log->end() == end);
  append(*log, sample_entries(11, 12, 1, 500));
  append(*log, sample_entries(13, 100, 1, 500));
  check_content(*log, sample_entries(1, 100, 1, 500));
  bench.files.set_fault(nullptr);
  check_content(*bench.open(), sample_entries(1, 100, 1, 500));
}

TEST_CASE("an allocation that fails leaves no file behind") {
  Bench bench;
  const auto log = bench.open();
  bench.files.set_fault([&](const FileCall& call) {
    return call.operation == FileOperation::write ? std::optional(Error{ErrorKind::no_space, "full"}) : std::nullopt;
  });
  CHECK(prepare_segment(bench.files, bench.options, 2).error().kind == ErrorKind::no_space);
  CHECK(bench.files.list("data")->size() == 1);
}

TEST_CASE("a failed write into allocated space is never called a full disk") {
  Bench bench;
  const auto log = bench.open();
  bench.files.set_fault([&](const FileCall&) { return std::optional(Error{ErrorKind::no_space, "full"}); });
  const auto refused = log->append(sample_entries(1, 2, 1, 50), Marks{});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::io);
}

TEST_CASE("a read is bounded in bytes and gives at least one entry") {
  Bench bench;
  const auto log = bench.open();
  append(*log, sample_entries(1, 50, 1, 472));
  CHECK(log->read(LogIndex(3), LogIndex(50), 0)->size() == 1);
  CHECK(log->read(LogIndex(3), LogIndex(50), 1000)->size() == 2);
  CHECK(log->read(LogIndex(3), LogIndex(50), 1500)->size() == 3);
  const auto some = log->read(LogIndex(3), LogIndex(45), 1 << 20);
  REQUIRE(some);
  CHECK(same_entries(*some, sample_entries(3, 45, 1, 472)));
}

TEST_CASE("the bytes of bodies are told from where the records stand") {
  Bench bench;
  const auto check = [](const Log& log) {
    const auto told = [&log](std::uint64_t first, std::uint64_t last) {
      return log.body_bytes(LogIndex(first), LogIndex(last));
    };
    const std::uint64_t one = sample_entry(1, 1, 499).body.size();
    const std::uint64_t padded = record_size(one) - record_header_size;
    CHECK(told(1, 60) == 60 * padded);  // over several segments
    CHECK((padded > one && padded - one < 8));
    CHECK(told(60, 60) == padded);
    CHECK(told(1, 61) == 61 * padded + record_size(one));  // another entry stood behind it
    CHECK(told(61, 62) == 2 * padded + record_size(one));
    CHECK(told(62, 61) == 0);
    CHECK(told(1, 0) == 0);
  };
  const auto log = bench.open();
  append(*log, sample_entries(1, 62, 1, 499));
  append(*log, sample_entries(62, 62, 2, 499));
  check(*log);
  check(*bench.open());
}

TEST_CASE("an entry that was damaged after it was read says so, with its place") {
  Bench bench;
  const auto log = bench.open();
  append(*log, sample_entries(1, 3, 1, 36));
  Bytes bytes = bench.files.content("data/wal-0000000001.log");
  bytes[4096 + 128 + 100] ^= 1;
  bench.files.set_content("data/wal-0000000001.log", bytes);
  CHECK(log->read(LogIndex(1), LogIndex(1), 100));
  const auto damaged = log->read(LogIndex(1), LogIndex(3), 1000);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().kind == ErrorKind::damaged);
  CHECK(damaged.error().text == "data/wal-0000000001.log: offset 4224, index 2: the body's checksum is wrong");
}

TEST_CASE("the commit index found is the highest mark, but not beyond the last entry") {
  Bench bench;
  {
    const auto log = bench.open();
    REQUIRE(log->append(sample_entries(1, 5, 1, 10), Marks{{}, LogIndex(3)}));
  }
  CHECK(bench.open()->recovered().commit_index == LogIndex(3));
  {
    const auto log = bench.open();
    REQUIRE(log->append(sample_entries(6, 6, 1, 10), Marks{{}, LogIndex(9)}));
  }
  CHECK(bench.open()->recovered().commit_index == LogIndex(6));
}

namespace {

// Appends entries one by one until the log has cut `segments` segments; the last entry of each that is full.
std::vector<LogIndex> fill_segments(Log& log, std::uint32_t segments) {
  std::vector<LogIndex> last_of_each;
  while (last_of_each.size() < segments) {
    const std::uint32_t before = log.end().segment;
    append(log, {sample_entry(log.last_index().next().value, 1, 1000)});
    if (log.end().segment != before) {
      last_of_each.push_back(log.last_index() - 1);
    }
  }
  return last_of_each;
}

}  // namespace

TEST_CASE("a segment goes when its last entry is not needed any more, and not before") {
  Bench bench;
  const auto log = bench.open();
  const std::vector<LogIndex> last = fill_segments(*log, 2);
  REQUIRE(remove_segments(bench.files, "data", log->release(last[0] - 1)));
  CHECK(log->first_index() == LogIndex(1));
  REQUIRE(remove_segments(bench.files, "data", log->release(last[0])));
  CHECK(log->first_index() == last[0].next());
  REQUIRE(remove_segments(bench.files, "data", log->release(last[1])));
  CHECK(log->first_index() == last[1].next());
}

TEST_CASE(
    "segments that were released go the oldest first; whatever is left of them when the power goes, a start reads") {
  bool finished = false;
  for (std::uint64_t stop = 0; !finished; ++stop) {
    Bench bench;
    const EntryId snapshot = [&] {
      const auto log = bench.open();
      const LogIndex last = fill_segments(*log, 3).back();
      const auto behind =
          log->append(sample_entries(log->last_index().next().value, log->last_index().next().value, 1, 10), Marks{});
      REQUIRE(behind);
      REQUIRE(behind->sync());
      const std::vector<std::string> released = log->release(last);
      CHECK(released ==
            std::vector<std::string>{segment_path("data", 1), segment_path("data", 2), segment_path("data", 3)});
      bench.files.stop_at(bench.files.calls() + stop);
      finished = static_cast<bool>(remove_segments(bench.files, "data", released));
      return EntryId{last, Term(1)};
    }();
    bench.files.lose_power(choose_by_seed(stop));
    const auto log = Log::open(bench.files, bench.options, bench.lines, snapshot);
    CAPTURE(stop);
    REQUIRE(log);
    CHECK((*log)->last_index() > snapshot.index);
    for (const std::string& name : bench.files.names_in("data", false)) {
      CHECK_FALSE(name.ends_with(".tmp"));
    }
  }
}

TEST_CASE("a log that begins behind a gap after the snapshot is damaged, and left as it is") {
  Bench bench;
  LogIndex first;
  LogIndex last;
  {
    const auto log = bench.open();
    const std::vector<LogIndex> full = fill_segments(*log, 2);
    REQUIRE(remove_segments(bench.files, "data", log->release(full[0])));
    first = log->first_index();
    last = log->last_index();
  }
  for (const EntryId snapshot : {EntryId(), EntryId{first - 2, Term(1)}}) {
    const auto opened = Log::open(bench.files, bench.options, bench.lines, snapshot);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::damaged);
  }
  const auto opened = Log::open(bench.files, bench.options, bench.lines, {first - 1, Term(1)});
  REQUIRE(opened);
  CHECK((*opened)->first_index() == first);
  CHECK((*opened)->last_index() == last);
}
