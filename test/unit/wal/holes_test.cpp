// A damaged log of which others hold the same entries (docs/decisions/repair.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"
#include "wal/inspection.hpp"
#include "wal/log.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 16384;
constexpr std::size_t payload = 36;  // bodies of 64 bytes, records of 128: 96 in a segment

std::string segment(std::uint32_t sequence) {
  return segment_path("data", sequence);
}

// A repairable log, and ways to damage it. Every batch is synced, and the next one says so.
struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(segment_size);
  std::vector<Entry> entries;     // that hold
  std::vector<Position> records;  // of `entries`
  Marks marks;

  Bench() {
    REQUIRE(files.make_directory("data"));
    options.repairable = true;
  }

  std::unique_ptr<Log> open(EntryId snapshot = {}) {
    auto log = Log::open(files, options, lines, snapshot);
    if (!log) {
      FAIL(log.error().text);
    }
    return std::move(*log);
  }
  void append(Log& log, std::uint64_t first, std::uint64_t last, std::uint64_t term) {
    for (const Entry& entry : sample_entries(first, last, term, payload)) {
      entries.resize(entry.index.value - 1);
      records.resize(entry.index.value - 1);
      const auto target = log.append(std::span(&entry, 1), marks);
      REQUIRE(target);
      REQUIRE(target->sync());
      entries.push_back(entry);
      records.push_back({target->end.segment, target->end.offset - static_cast<std::uint32_t>(record_size(64))});
      marks = {target->end, entry.index};
    }
  }
  void flip(const std::string& path, std::size_t offset) {
    Bytes content = files.content(path);
    content[offset] ^= 1;
    files.set_content(path, content);
  }
  void damage_body(std::uint64_t index) {
    const Position at = records[index - 1];
    flip(segment(at.segment), at.offset + record_header_size + 30);
  }
  void damage_header(std::uint64_t index) {
    const Position at = records[index - 1];
    flip(segment(at.segment), at.offset + 17);
  }
  // Everything that is missing, as others would send it.
  Result<void> repair(Log& log) {
    for (const Hole& hole : log.recovered().holes) {
      const auto first = entries.begin() + static_cast<std::ptrdiff_t>(hole.first.value - 1);
      const auto target = log.repair(std::span(first, hole.last - (hole.first - 1)), marks);
      const Result<void> done = target ? target->sync() : Result<void>(target.error());
      if (!done) {
        return done;
      }
    }
    return {};
  }
  void check_all(Log& log) {
    CHECK_FALSE(log.recovered().is_damaged);
    CHECK(log.recovered().holes.empty());
    REQUIRE(log.last_index().value == entries.size());
    const auto found = all_entries(log);
    if (!found) {
      FAIL(found.error().text);
    }
    CHECK(same_entries(*found, entries));
  }
};

const std::vector<Hole> none;

}  // namespace

TEST_CASE("what can be read again after it was repaired costs nothing of what stands behind it") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 60, 2);
    bench.append(*log, 61, 200, 3);
  }
  const auto spoil_or_heal = [&] {
    for (const std::uint64_t index : std::array<std::uint64_t, 4>{50, 70, 71, 199}) {
      bench.damage_body(index);
    }
  };
  spoil_or_heal();
  {
    const auto log = bench.open();
    REQUIRE(log->recovered().holes.size() == 3);
    REQUIRE(bench.repair(*log));
  }
  spoil_or_heal();
  {
    const auto log = bench.open();
    bench.check_all(*log);
    bench.append(*log, 201, 210, 3);
  }
  bench.check_all(*bench.open());
}

TEST_CASE("a damaged body leaves a hole of a known term; everything else stays") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 20, 2);
    bench.append(*log, 21, 200, 3);
  }
  bench.damage_body(21);
  const Bytes before = bench.files.content(segment(1));
  const auto log = bench.open();
  CHECK(log->recovered().is_damaged);
  CHECK(log->recovered().holes == std::vector<Hole>{{LogIndex(21), LogIndex(21), true}});
  CHECK(log->recovered().term_runs == std::vector<TermRun>{{Term(2), LogIndex(1)}, {Term(3), LogIndex(21)}});
  CHECK(log->recovered().last_index == LogIndex(200));
  CHECK(log->recovered().commit_index == LogIndex(20));
  CHECK(log->is_missing(LogIndex(21)));
  CHECK_FALSE(log->read(LogIndex(21), LogIndex(21), 1000).has_value());
  CHECK(log->read(LogIndex(22), LogIndex(200), 1 << 20)->size() == 179);
  CHECK(bench.files.content(segment(1)) == before);
  CHECK(bench.lines.has("is damaged at offset 6656, index 21"));
}

TEST_CASE("a log that nobody else holds is refused as before, with file, offset and index") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 20, 2);
  }
  bench.damage_body(7);
  bench.options.repairable = false;
  const auto log = Log::open(bench.files, bench.options, bench.lines);
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().kind == ErrorKind::damaged);
  CHECK(log.error().text.find("data/wal-0000000001.log: offset 4864, index 7") != std::string::npos);
}

TEST_CASE("a repair fills a hole and leaves what follows; the log opens whole afterwards, again and again") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 250, 2);
  }
  SUBCASE("a body") {
    bench.damage_body(30);
  }
  SUBCASE("a header") {
    bench.damage_header(30);
  }
  SUBCASE("the first record of a segment") {
    bench.damage_header(97);
    REQUIRE(bench.records[96] == Position{2, segment_head_size});
  }
  SUBCASE("the head of a segment") {
    bench.flip(segment(2), 40);
  }
  SUBCASE("the head of the last segment") {
    bench.flip(segment(3), 40);
  }
  SUBCASE("a whole sector, and other records") {
    Bytes content = bench.files.content(segment(1));
    content.replace(8192, sector_size, Bytes(sector_size, '\0'));
    bench.files.set_content(segment(1), content);
    bench.damage_body(90);
    bench.damage_header(240);
  }
  SUBCASE("the last record of a segment") {
    bench.damage_header(96);
  }
  {
    const auto log = bench.open();
    CHECK(log->last_index() == LogIndex(250));
    REQUIRE(bench.repair(*log));
    CHECK(all_entries(*log).has_value());
    CHECK(same_entries(*all_entries(*log), bench.entries));
  }
  bench.check_all(*bench.open());
  {
    const auto log = bench.open();
    bench.append(*log, 251, 400, 3);
    bench.append(*log, 380, 420, 4);
  }
  bench.check_all(*bench.open());
}

TEST_CASE("what was repaired may be damaged and repaired again") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 50, 2);
  }
  bench.damage_body(9);
  Position repaired;
  {
    const auto log = bench.open();
    repaired = log->end();
    REQUIRE(bench.repair(*log));
    bench.append(*log, 51, 52, 2);
  }
  bench.flip(segment(repaired.segment), repaired.offset + record_header_size + 3);
  {
    const auto log = bench.open();
    CHECK(log->recovered().holes == std::vector<Hole>{{LogIndex(9), LogIndex(9), true}});
    REQUIRE(bench.repair(*log));
  }
  bench.check_all(*bench.open());
}

TEST_CASE(
    "between entries of different terms the terms of a hole are not known, nor whether it overrode what was not "
    "committed") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 10, 2);
    bench.marks.commit_index = LogIndex(8);
    bench.append(*log, 11, 11, 3);
    bench.marks.commit_index = LogIndex(8);
    bench.append(*log, 12, 12, 3);
  }
  bench.damage_header(11);
  const auto log = bench.open();
  const std::vector<Hole> holes = log->recovered().holes;
  REQUIRE(holes.size() == 1);
  CHECK(holes.front().first <= LogIndex(11));
  CHECK(holes.front().last == LogIndex(11));
  CHECK_FALSE(holes.front().terms_known);
  CHECK(log->recovered().commit_index == holes.front().first - 1);
}

TEST_CASE("an ordinary record overrides a hole with all that follows it") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 30, 2);
  }
  bench.damage_header(10);
  {
    const auto log = bench.open();
    bench.append(*log, 10, 12, 5);
  }
  bench.check_all(*bench.open());
}

TEST_CASE("a crash at any call of a repair leaves a log that can be repaired to its end") {
  for (std::uint64_t calls = 0;; ++calls) {
    Bench bench;
    {
      const auto log = bench.open();
      bench.append(*log, 1, 95, 2);
    }
    bench.damage_body(5);
    bench.damage_header(6);
    bench.damage_body(50);
    bool whole = false;
    {
      const auto log = bench.open();
      bench.files.stop_at(bench.files.calls() + calls);
      whole = bench.repair(*log).has_value();
    }
    bench.files.kill_process();
    bench.files.lose_power(choose_by_seed(calls + 1));
    {
      const auto log = bench.open();
      CHECK(log->last_index() == LogIndex(95));
      CHECK((whole ? none : log->recovered().holes) == log->recovered().holes);
      REQUIRE(bench.repair(*log));
    }
    bench.check_all(*bench.open());
    if (whole) {
      CHECK(calls > 5);
      return;
    }
  }
}

TEST_CASE("segments go only when nothing in them is needed, repairs included") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 300, 2);
  }
  bench.damage_body(120);
  {
    const auto log = bench.open();
    REQUIRE(bench.repair(*log));
    bench.append(*log, 301, 400, 2);
    CHECK(log->body_bytes(LogIndex(1), LogIndex(400)) >= 398 * 64);
    REQUIRE(remove_segments(bench.files, "data", log->release(LogIndex(110))));
    CHECK(log->first_index() == LogIndex(97));
    const auto kept = log->read(LogIndex(97), LogIndex(400), 1 << 20);
    REQUIRE(kept.has_value());
    CHECK(kept->size() == 304);
  }
  const EntryId snapshot{LogIndex(110), Term(2)};
  {
    const auto log = bench.open(snapshot);
    CHECK_FALSE(log->recovered().is_damaged);
    CHECK(log->first_index() <= LogIndex(111));
    REQUIRE(remove_segments(bench.files, "data", log->release(LogIndex(300))));
  }
  const auto log = bench.open({LogIndex(300), Term(2)});
  CHECK_FALSE(log->recovered().is_damaged);
  CHECK(log->last_index() == LogIndex(400));
}

TEST_CASE("a snapshot that ends where the log's term is not known costs nothing of what may be its continuation") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 50, 2);
    bench.append(*log, 51, 100, 4);
  }
  bench.damage_header(50);
  bench.damage_header(51);
  CHECK(bench.open()->recovered().holes == std::vector<Hole>{{LogIndex(49), LogIndex(51), false}});
  for (const std::uint64_t term : {2U, 3U, 4U}) {
    const auto log = bench.open({LogIndex(51), Term(term)});
    CHECK(log->first_index() == LogIndex(52));
    CHECK(log->last_index() == LogIndex(100));
    CHECK(log->recovered().holes == none);
    CHECK_FALSE(log->restart_due());
  }
  CHECK(bench.open({LogIndex(51), Term(5)})->last_index() == LogIndex(51));  // what follows it is of an earlier term
}

TEST_CASE(
    "what a snapshot says is committed was not so yet where the log is damaged: it may have been overridden there") {
  Bench bench;
  Position override_at;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 10, 2);
    const auto append = [&](std::uint64_t first, std::uint64_t last, std::uint64_t term) {
      const auto target = log->append(sample_entries(first, last, term, payload), bench.marks);
      REQUIRE(target);
      REQUIRE(target->sync());
      bench.marks.synced = target->end;
    };
    append(11, 20, 2);
    override_at = log->end();
    append(20, 20, 3);
    append(21, 30, 3);
  }
  bench.flip(segment(override_at.segment), override_at.offset + 17);
  const auto log = bench.open({LogIndex(25), Term(3)});
  CHECK(log->first_index() == LogIndex(26));
  CHECK(log->last_index() == LogIndex(30));
}

TEST_CASE("a log whose snapshot is lost begins with a hole") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 200, 2);
    REQUIRE(remove_segments(bench.files, "data", log->release(LogIndex(100))));
  }
  const auto log = bench.open();
  CHECK(log->recovered().base == EntryId{});
  CHECK(log->recovered().holes ==
        std::vector<Hole>{{LogIndex(1), LogIndex(95), false}, {LogIndex(96), LogIndex(96), true}});
  CHECK(log->recovered().commit_index == LogIndex());
}

TEST_CASE("a log that began anew behind a snapshot that is lost is damaged, whatever came behind") {
  Bench bench;
  bool goes_on = false;
  EntryId older;
  SUBCASE("no snapshot, no entry") {}
  SUBCASE("no snapshot, entries") {
    goes_on = true;
  }
  SUBCASE("an older snapshot, no entry") {
    older = {LogIndex(50), Term(2)};
  }
  SUBCASE("an older snapshot, entries") {
    older = {LogIndex(50), Term(2)};
    goes_on = true;
  }
  {
    const auto log = bench.open();
    bench.append(*log, 1, 60, 2);
    REQUIRE(log->restart({LogIndex(100), Term(3)}, bench.marks));
    if (goes_on) {
      bench.append(*log, 101, 110, 3);
    }
  }
  const auto log = bench.open(older);
  CHECK(log->recovered().is_damaged);
  CHECK(log->recovered().base == older);
  REQUIRE_FALSE(log->recovered().holes.empty());
  CHECK(log->recovered().holes.front().first == older.index.next());
  CHECK(log->recovered().holes.back().last == LogIndex(100));
  CHECK(log->last_index() == LogIndex(goes_on ? 110 : 100));
}

TEST_CASE("behind damage at the very end nothing is written: a new segment begins") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 96, 2);  // a full segment
    bench.append(*log, 97, 97, 2);
  }
  const Bytes garbage(segment_size, 'x');
  bench.files.set_content(segment(2), garbage);
  {
    const auto log = bench.open();
    CHECK(log->recovered().end_unknown);
    CHECK(log->recovered().is_damaged);
    CHECK(log->last_index() <= LogIndex(96));
    bench.marks.synced = log->end();
    bench.append(*log, log->last_index().value + 1, 99, 3);
  }
  CHECK(bench.files.content(segment(2)) == garbage);
  const auto log = bench.open();
  CHECK_FALSE(log->recovered().is_damaged);
  CHECK(log->last_index() == LogIndex(99));
}

TEST_CASE("a node with a damaged log is recovering, durably, until it has said that it is sound") {
  Bench bench;
  {
    auto opened = open_data_directory(bench.files, bench.options, bench.lines);
    REQUIRE(opened.has_value());
    bench.append(*opened->log, 1, 30, 2);
  }
  bench.files.kill_process();
  bench.damage_body(12);
  for (int start = 0; start < 2; ++start) {
    auto opened = open_data_directory(bench.files, bench.options, bench.lines);
    REQUIRE(opened.has_value());
    CHECK(opened->standing == Standing::recovering);
    CHECK(opened->metadata->current().run.recovering);
    if (start == 0) {
      REQUIRE(bench.repair(*opened->log));
    }
    opened->lock.reset();
  }
}

TEST_CASE("an inspection calls what was repaired so, and the log sound") {
  Bench bench;
  {
    const auto log = bench.open();
    bench.append(*log, 1, 30, 2);
  }
  bench.damage_header(12);
  {
    const auto log = bench.open();
    REQUIRE(bench.repair(*log));
  }
  struct Kept final : InspectionVisitor {
    std::vector<Finding> findings;
    void on_finding(const Finding& finding) override { findings.push_back(finding); }
  } kept;
  const auto found = inspect(bench.files, "data", kept);
  REQUIRE(found.has_value());
  const auto of_log = std::ranges::find_if(kept.findings, [](const Finding& f) { return f.position.segment > 0; });
  REQUIRE(of_log != kept.findings.end());
  CHECK(of_log->verdict == Verdict::repaired);
  CHECK(of_log->first == LogIndex(12));
  CHECK(of_log->term == Term(2));
}
