// The read-only reading of a data directory: its verdicts are those of a node that opens it, it goes on behind what is
// bad, and it says which entries that concerns.
#include "wal/inspection.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 8192;

class Kept final : public InspectionVisitor {
 public:
  void on_record(const Segment& segment, const Record& record) override {
    CHECK(segment.head.sequence == record.header.position.segment);
    if (record.header.type == RecordType::entry) {
      records.push_back(record.header);
    }
  }
  void on_finding(const Finding& finding) override { findings.push_back(finding); }

  std::vector<LogIndex> current(const Inspection& found) const {
    std::vector<LogIndex> indexes;
    for (const RecordHeader& header : records) {
      if (found.current.holds(header.position, header.index)) {
        indexes.push_back(header.index);
      }
    }
    return indexes;
  }

  std::vector<RecordHeader> records;
  std::vector<Finding> findings;
};

std::vector<LogIndex> indexes(std::uint64_t first, std::uint64_t last) {
  std::vector<LogIndex> all;
  for (std::uint64_t index = first; index <= last; ++index) {
    all.emplace_back(index);
  }
  return all;
}

std::vector<LogIndex> joined(std::vector<LogIndex> a, const std::vector<LogIndex>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A whole data directory in memory, and what it held when it was made.
struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(segment_size);
  std::unique_ptr<Log> log;
  Marks marks;
  std::map<std::uint64_t, Position> places;  // of the newest record of an index
  Kept kept;

  Bench() {
    REQUIRE(files.make_directory("data"));
    Metadata metadata;
    metadata.cluster = options.cluster;
    metadata.node = options.node;
    metadata.term = Term(4);
    metadata.vote = NodeId(3);
    metadata.incarnation = Incarnation(2);
    REQUIRE(MetadataFile::open(files, "data", metadata));
    auto opened = Log::open(files, options, lines);
    REQUIRE(opened);
    log = std::move(*opened);
  }

  void append(std::uint64_t first, std::uint64_t last, std::uint64_t term, std::size_t size = 400) {
    for (const Entry& entry : sample_entries(first, last, term, size)) {
      const auto target = log->append(std::span(&entry, 1), marks);
      REQUIRE(target);
      const auto record = static_cast<std::uint32_t>(record_size(entry.body.size()));
      places[entry.index.value] = {target->end.segment, target->end.offset - record};
      REQUIRE(target->sync());
      marks.synced = target->end;
    }
  }
  void commit(std::uint64_t index) { marks.commit_index = LogIndex(index); }

  Inspection inspect() {
    kept = Kept();
    auto found = wal::inspect(files, "data", kept);
    REQUIRE(found);
    CHECK(found->findings == static_cast<std::uint64_t>(std::ranges::count_if(
                                 kept.findings, [](const Finding& f) { return f.verdict != Verdict::torn; })));
    return std::move(*found);
  }
  std::string segment(std::uint32_t sequence) const { return segment_path("data", sequence); }
  // Another byte at `place`.
  void damage(const std::string& path, std::uint64_t place) {
    Bytes content = files.content(path);
    content[place] = static_cast<char>(content[place] ^ 0x10);
    files.set_content(path, content);
  }
  void damage_body(std::uint64_t index) { damage(segment(places[index].segment), places[index].offset + 100); }
  void damage_header(std::uint64_t index) { damage(segment(places[index].segment), places[index].offset + 20); }

  void check_one(Verdict verdict, std::uint64_t index, std::uint64_t first, std::uint64_t last) {
    REQUIRE(kept.findings.size() == 1);
    const Finding& finding = kept.findings.front();
    CHECK(finding.verdict == verdict);
    CHECK(finding.file == segment(places[index].segment).substr(5));
    CHECK(finding.offset == places[index].offset);
    CHECK(finding.first == LogIndex(first));
    CHECK(finding.last == LogIndex(last));
  }
};

}  // namespace

TEST_CASE("a sound directory has no findings, and what is in it is said") {
  Bench bench;
  bench.commit(18);
  bench.append(1, 30, 2);
  const Inspection found = bench.inspect();
  CHECK(bench.kept.findings.empty());
  CHECK(found.findings == 0);
  CHECK(found.owner == Owner{bench.options.cluster, bench.options.node});
  CHECK(found.owner_from == "metadata");
  REQUIRE(found.metadata);
  CHECK(found.metadata->term == Term(4));
  CHECK(found.segments == bench.log->end().segment);
  CHECK(found.segments > 2);
  CHECK(found.records == 30);
  CHECK(found.end == bench.log->end());
  CHECK(found.first_index == LogIndex(1));
  CHECK(found.last_index == LogIndex(30));
  CHECK(found.last_term == Term(2));
  CHECK(found.commit_index == LogIndex(18));
  CHECK(found.torn_bytes == 0);
  CHECK(bench.kept.current(found) == indexes(1, 30));
}

TEST_CASE("overridden records are read and do not hold") {
  Bench bench;
  bench.append(1, 12, 1);
  bench.append(9, 10, 2);
  bench.append(6, 8, 3);
  bench.append(8, 20, 4);
  const Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  CHECK(found.records == 30);
  CHECK(bench.kept.current(found) == indexes(1, 20));
  for (const RecordHeader& header : bench.kept.records) {
    CHECK(found.current.holds(header.position, header.index) == (header.position == bench.places[header.index.value]));
  }
}

TEST_CASE("behind a damaged body reading goes on, and the finding names its entry") {
  Bench bench;
  bench.append(1, 30, 2);
  bench.damage_body(17);
  const Inspection found = bench.inspect();
  bench.check_one(Verdict::damaged, 17, 17, 17);
  CHECK(bench.kept.findings.front().length == record_size(Entry::header_size + 400));
  CHECK(bench.kept.findings.front().reason == "the body's checksum is wrong");
  CHECK(bench.kept.current(found) == joined(indexes(1, 16), indexes(18, 30)));
  CHECK(found.last_index == LogIndex(30));
}

TEST_CASE(
    "behind a damaged header the next record is found by its magic, and the index is known by the two beside it") {
  Bench bench;
  bench.append(1, 30, 2);
  for (const std::uint64_t index : {1U, 2U, 5U, 16U, 17U, 29U}) {
    CAPTURE(index);
    const Bytes before = bench.files.content(bench.segment(bench.places[index].segment));
    bench.damage_header(index);
    const Inspection found = bench.inspect();
    bench.check_one(Verdict::damaged, index, index, index);
    CHECK(bench.kept.current(found) == joined(indexes(1, index - 1), indexes(index + 1, 30)));
    bench.files.set_content(bench.segment(bench.places[index].segment), before);
  }
}

TEST_CASE("two damaged places far apart are two findings") {
  Bench bench;
  bench.append(1, 30, 2);
  bench.damage_header(4);
  bench.damage_body(21);
  const Inspection found = bench.inspect();
  CHECK(found.findings == 2);
  CHECK(bench.kept.findings[0].first == LogIndex(4));
  CHECK(bench.kept.findings[1].first == LogIndex(21));
  CHECK(bench.kept.current(found).size() == 28);
}

TEST_CASE("a hole between records of two terms may have overridden all that was not committed") {
  Bench bench;
  bench.commit(3);
  bench.append(1, 8, 1);
  bench.append(6, 12, 2);  // overrides 6 to 8
  bench.damage_header(6);
  const Inspection found = bench.inspect();
  bench.check_one(Verdict::damaged, 6, 4, 6);
  CHECK(found.last_index == LogIndex(12));
}

TEST_CASE("a damaged record that is overridden later concerns no entry that holds") {
  Bench bench;
  bench.append(1, 8, 1);
  const Position overridden = bench.places[7];
  bench.append(5, 12, 2);
  bench.damage(bench.segment(overridden.segment), overridden.offset + 100);
  const Inspection found = bench.inspect();
  REQUIRE(bench.kept.findings.size() == 1);
  CHECK(bench.kept.findings.front().first == LogIndex(7));
  CHECK_FALSE(found.current.holds(bench.kept.findings.front().position, LogIndex(7)));
  CHECK(bench.kept.current(found) == indexes(1, 12));
}

TEST_CASE("a torn end is noted with its bytes") {
  Bench bench;
  bench.append(1, 10, 2);
  bench.damage_body(10);  // nothing behind it vouches for it
  const Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  bench.check_one(Verdict::torn, 10, 10, 0);
  CHECK(found.torn_bytes > 400);
  CHECK(found.last_index == LogIndex(9));
}

TEST_CASE("a segment that is missing, foreign or without a head is a gap of exactly its entries") {
  Bench bench;
  bench.append(1, 40, 2);
  const std::string path = bench.segment(2);
  const Bytes before = bench.files.content(path);
  const auto first = std::ranges::find_if(bench.places, [](const auto& place) { return place.second.segment == 2; });
  const auto behind = std::ranges::find_if(bench.places, [](const auto& place) { return place.second.segment == 3; });
  const std::vector<LogIndex> rest = joined(indexes(1, first->first - 1), indexes(behind->first, 40));

  SUBCASE("missing") {
    REQUIRE(bench.files.remove(path));
    const Inspection found = bench.inspect();
    REQUIRE(bench.kept.findings.size() == 1);
    CHECK(bench.kept.findings.front().verdict == Verdict::damaged);
    CHECK(bench.kept.findings.front().file == "wal-0000000002.log");
    CHECK(bench.kept.findings.front().first == LogIndex(first->first));
    CHECK(bench.kept.findings.front().last == LogIndex(behind->first - 1));
    CHECK(bench.kept.current(found) == rest);
  }
  SUBCASE("foreign") {
    SegmentHead head = decode_segment_head(before)->head;
    head.node = NodeId(9);
    bench.files.set_content(path, encode_segment_head(head) + before.substr(segment_head_size));
    const Inspection found = bench.inspect();
    REQUIRE(bench.kept.findings.size() == 1);
    CHECK(bench.kept.findings.front().verdict == Verdict::refused);
    CHECK(bench.kept.findings.front().first == LogIndex(first->first));
    CHECK(bench.kept.findings.front().last == LogIndex(behind->first - 1));
    CHECK(bench.kept.current(found) == rest);
  }
  SUBCASE("without a head its records are read all the same") {
    bench.damage(path, 30);
    const Inspection found = bench.inspect();
    REQUIRE(bench.kept.findings.size() == 1);
    CHECK(bench.kept.findings.front().verdict == Verdict::damaged);
    CHECK(bench.kept.findings.front().length == segment_head_size);
    CHECK(bench.kept.findings.front().first == LogIndex(0));
    CHECK(bench.kept.current(found) == indexes(1, 40));
  }
}

TEST_CASE("a log without its first segment and without a snapshot is damaged") {
  Bench bench;
  bench.append(1, 40, 2);
  REQUIRE(bench.files.remove(bench.segment(1)));
  const Inspection found = bench.inspect();
  REQUIRE(bench.kept.findings.size() == 1);
  CHECK(bench.kept.findings.front().file == "wal-0000000001.log");
  CHECK(bench.kept.findings.front().first == LogIndex(1));
  CHECK(bench.kept.findings.front().last == found.first_index - 1);
  CHECK(found.last_index == LogIndex(40));
}

TEST_CASE("a file that is longer than its head says is damaged") {
  Bench bench;
  bench.append(1, 30, 2);
  bench.files.set_content(bench.segment(1), bench.files.content(bench.segment(1)) + "more");
  CHECK(bench.inspect().findings == 1);
  CHECK(bench.kept.findings.front().offset == segment_size);
  CHECK(bench.kept.findings.front().length == 4);
}

TEST_CASE("one bad copy of term and vote is a note, two are damage, a newer one is refused") {
  Bench bench;
  bench.append(1, 3, 2);
  const Bytes before = bench.files.content("data/metadata");
  bench.damage("data/metadata", 24);
  Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  REQUIRE(bench.kept.findings.size() == 1);
  CHECK(bench.kept.findings.front().verdict == Verdict::torn);
  REQUIRE(found.metadata);
  CHECK(found.metadata->vote == NodeId(3));

  bench.damage("data/metadata", 4096 + 24);
  found = bench.inspect();
  CHECK(found.findings == 2);
  CHECK_FALSE(found.metadata);
  CHECK(found.owner_from == "wal-0000000001.log");
  CHECK(found.records == 3);

  REQUIRE(bench.files.remove("data/metadata"));
  CHECK(bench.inspect().findings == 1);
}

TEST_CASE("when nothing says whose log it is, no record is believed") {
  Bench bench;
  bench.append(1, 3, 2);
  REQUIRE(bench.files.remove("data/metadata"));
  bench.damage(bench.segment(1), 30);
  const Inspection found = bench.inspect();
  CHECK_FALSE(found.owner);
  CHECK(found.findings == 2);
  CHECK(found.records == 0);
}

TEST_CASE("what is no data directory is said to be none") {
  MemoryFiles files;
  REQUIRE(files.make_directory("data"));
  Kept kept;
  CHECK(wal::inspect(files, "data", kept).error().kind == ErrorKind::not_found);
}

namespace {

void take_snapshot(Bench& bench, std::uint64_t index, std::uint64_t term) {
  auto store = SnapshotStore::open(bench.files, bench.options, bench.lines);
  REQUIRE(store);
  auto writer = (*store)->begin({LogIndex(index), Term(term)}, "own");
  REQUIRE(writer);
  REQUIRE((*writer)->append(Bytes(150'000, 'x')));
  REQUIRE((*writer)->finish());
}

}  // namespace

TEST_CASE("snapshots are read whole, and a log that was released goes on behind the newest") {
  Bench bench;
  bench.append(1, 30, 2);
  take_snapshot(bench, 20, 2);
  take_snapshot(bench, 25, 2);
  REQUIRE(remove_segments(bench.files, "data", bench.log->release(LogIndex(20))));
  Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  REQUIRE(found.snapshots.size() == 2);
  CHECK(found.snapshot() == EntryId{LogIndex(25), Term(2)});
  CHECK(found.first_index > LogIndex(1));
  CHECK(found.commit_index == LogIndex(25));

  // The newest decays: it is said with its place, and the one before it serves.
  bench.damage("data/snapshot-00000000000000000025.snap", 70'000);
  found = bench.inspect();
  REQUIRE(bench.kept.findings.size() == 1);
  CHECK(bench.kept.findings.front().file == "snapshot-00000000000000000025.snap");
  CHECK(bench.kept.findings.front().offset == SnapshotReader::place_of(1));
  CHECK(found.snapshot().index == LogIndex(20));

  // Both: then the log begins too late.
  bench.damage("data/snapshot-00000000000000000020.snap", 10);
  found = bench.inspect();
  CHECK(bench.kept.findings.size() == 3);
  CHECK(bench.kept.findings.back().first == LogIndex(1));
  CHECK(bench.kept.findings.back().last == found.first_index - 1);
}

TEST_CASE("a log that does not hold the newest snapshot's entry has no entry that holds") {
  Bench bench;
  bench.append(1, 10, 2);
  take_snapshot(bench, 10, 3);
  const Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  CHECK(found.superseded);
  CHECK(bench.kept.current(found).empty());
  CHECK(found.last_index == LogIndex(10));
  CHECK(found.last_term == Term(3));
}

TEST_CASE("a restart drops every entry before it") {
  Bench bench;
  bench.append(1, 10, 2);
  REQUIRE(bench.log->restart({LogIndex(50), Term(4)}, bench.marks));
  bench.append(51, 60, 4);
  take_snapshot(bench, 50, 4);
  const Inspection found = bench.inspect();
  CHECK(found.findings == 0);
  CHECK(found.records == 21);
  CHECK(found.first_index == LogIndex(51));
  CHECK(bench.kept.current(found) == indexes(51, 60));
}

TEST_CASE("a sector that cannot be read is a finding, and all around it is read") {
  Bench bench;
  bench.append(1, 30, 2);
  const Position bad = bench.places[3];
  bench.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
    const std::uint64_t from = segment_head_size;
    if (call.operation == FileOperation::read && call.path == bench.segment(bad.segment) && call.offset < from + 4096 &&
        call.offset + call.size > from) {
      return Error{ErrorKind::io, "cannot read: Input/output error"};
    }
    return std::nullopt;
  });
  const Inspection found = bench.inspect();
  CHECK(found.findings >= 1);
  CHECK(std::ranges::any_of(bench.kept.findings, [](const Finding& finding) {
    return finding.offset == 4096 && finding.length == 4096 && finding.reason.find("cannot read") != std::string::npos;
  }));
  const std::vector<LogIndex> left = bench.kept.current(found);
  CHECK(left.size() > 20);
  CHECK(left.back() == LogIndex(30));
}

namespace {

// What a node makes of the same files. `torn`: how many bytes it cuts.
struct Opened {
  bool damaged = false;
  std::uint64_t torn = 0;
  LogIndex last_index;
};

Opened open_as_a_node(Bench& bench) {
  const auto files = bench.files.copy();
  const auto log = Log::open(*files, bench.options, bench.lines);
  if (!log) {
    REQUIRE(log.error().kind == ErrorKind::damaged);
    return {true, 0, LogIndex(0)};
  }
  return {false, (*log)->recovered().torn_bytes, (*log)->last_index()};
}

// The verdict is that of a node; and of a log that is damaged, nothing good is left out: at most the record at `place`.
std::string compare(Bench& bench, const std::string& path, std::uint64_t place, std::uint64_t records) {
  const Opened opened = open_as_a_node(bench);
  const Inspection found = bench.inspect();
  if ((found.findings > 0) != opened.damaged) {
    return opened.damaged ? "a node calls it damaged" : "a node opens it";
  }
  if (!opened.damaged) {
    return found.torn_bytes == opened.torn && found.last_index == opened.last_index ? "" : "torn otherwise";
  }
  const Finding& finding = bench.kept.findings.front();
  const bool here = finding.file == path.substr(5) && finding.offset <= place &&
                    (place < finding.offset + finding.length || finding.length == 0);
  if (found.findings != 1 || !here || found.records + 1 < records) {
    return fmt::format("{} findings, the first at {}; {} records", found.findings, finding.offset, found.records);
  }
  return "";
}

}  // namespace

TEST_CASE("a flipped bit anywhere in a log gets the verdict of a node, one finding there, and costs one record") {
  Bench bench;
  bench.append(1, 15, 1, 200);
  bench.append(12, 45, 2, 200);
  const std::uint64_t records = bench.inspect().records;
  REQUIRE(records == 49);
  for (std::uint32_t sequence = 1; sequence <= bench.log->end().segment; ++sequence) {
    const std::string path = bench.segment(sequence);
    const Bytes before = bench.files.content(path);
    for (std::uint64_t at = 0; at < segment_size; at += at < segment_head_size ? 61 : 3) {
      bench.damage(path, at);
      if (const std::string fault = compare(bench, path, at, records); !fault.empty()) {
        FAIL_CHECK("segment ", sequence, ", byte ", at, ": ", fault);
      }
      bench.files.set_content(path, before);
    }
  }
}

TEST_CASE("the last segment cut at any byte gets the verdict of a node") {
  Bench bench;
  bench.append(1, 30, 2, 200);
  const std::string path = bench.segment(bench.log->end().segment);
  const Bytes before = bench.files.content(path);
  for (std::size_t size = 0; size < segment_size; size += size < segment_head_size ? 97 : 1) {
    bench.files.set_content(path, before.substr(0, size));
    const Opened opened = open_as_a_node(bench);
    const Inspection found = bench.inspect();
    CAPTURE(size);
    CHECK((found.findings > 0) == opened.damaged);
    if (!opened.damaged) {
      CHECK(found.torn_bytes == opened.torn);
      CHECK(found.last_index == opened.last_index);
    }
  }
}

TEST_CASE("nothing is changed, created or locked") {
  Bench bench;
  bench.append(1, 30, 2);
  bench.damage_header(4);
  bench.files.set_fault([](const FileCall& call) {
    const bool reads = call.operation == FileOperation::open || call.operation == FileOperation::read ||
                       call.operation == FileOperation::size || call.operation == FileOperation::list;
    CHECK(reads);
    return std::optional<Error>();
  });
  CHECK(bench.inspect().findings == 1);
}
