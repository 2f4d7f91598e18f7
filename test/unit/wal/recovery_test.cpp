#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "base/checksum.hpp"
#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/log.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 16384;
constexpr std::size_t payload = 36;  // bodies of 64 bytes, records of 128
const std::string first_path = "data/wal-0000000001.log";
const std::string second_path = "data/wal-0000000002.log";

std::size_t record_offset(std::size_t number) {
  return segment_head_size + number * record_size(payload + Entry::header_size);
}

// A machine with a log on it, and ways to damage that.
struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(segment_size);

  Bench() { REQUIRE(files.make_directory("data")); }

  Result<std::unique_ptr<Log>> try_open() { return Log::open(files, options, lines); }
  std::unique_ptr<Log> open() {
    auto log = try_open();
    if (!log) {
      FAIL(log.error().text);
    }
    return std::move(*log);
  }
  Error refusal() {
    auto log = try_open();
    REQUIRE_FALSE(log);
    return log.error();
  }
  // Writes the entries in batches of `batch`, with or without a sync after each of them.
  void fill(const std::vector<Entry>& entries, std::size_t batch, bool sync) {
    const auto log = open();
    Marks marks;
    for (std::size_t i = 0; i < entries.size(); i += batch) {
      const std::size_t end = std::min(entries.size(), i + batch);
      const auto target = log->append(std::span(entries).subspan(i, end - i), marks);
      REQUIRE(target);
      if (sync) {
        REQUIRE(target->sync());
        marks.synced = target->end;
        marks.commit_index = entries[end - 1].index;
      }
    }
  }
  void change(const std::string& path, std::size_t offset, const Bytes& bytes) {
    Bytes content = files.content(path);
    content.replace(offset, bytes.size(), bytes);
    files.set_content(path, content);
  }
  // Adds a record behind `count` records of the first segment as the log would, whatever its index and mark.
  void add_record(std::size_t count, const Entry& entry, Position synced) {
    RecordHeader header;
    header.body_size = static_cast<std::uint32_t>(entry.body.size());
    header.term = entry.term;
    header.index = entry.index;
    const Bytes before = files.content(first_path);
    std::memcpy(&header.link, before.data() + record_offset(count - 1) + 4, sizeof header.link);
    header.position = Position{1, static_cast<std::uint32_t>(record_offset(count))};
    header.marks.synced = synced;
    Bytes record;
    encode_record(record, header, entry.body.view(), identity_of(options.cluster, options.node));
    change(first_path, record_offset(count), record);
  }
  void flip(const std::string& path, std::size_t offset) {
    Bytes content = files.content(path);
    content[offset] ^= 1;
    files.set_content(path, content);
  }
};

void check_prefix(Log& log, std::uint64_t last) {
  CHECK(log.last_index() == LogIndex(last));
  const auto entries = all_entries(log);
  REQUIRE(entries);
  CHECK(same_entries(*entries, sample_entries(1, last, 1, payload)));
}

void check_damage(const Error& error, const std::string& place) {
  CHECK(error.kind == ErrorKind::damaged);
  CAPTURE(error.text);
  CHECK(error.text.find(place) != std::string::npos);
}

}  // namespace

TEST_CASE("a log whose last record is cut at any byte opens with everything before it") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 3, false);
  const Bytes whole = bench.files.content(first_path);
  const std::size_t begin = record_offset(5);
  for (const bool shorten : {false, true}) {
    for (std::size_t cut = begin; cut < record_offset(6); ++cut) {
      CAPTURE(cut);
      Bytes image = whole.substr(0, cut);
      image.resize(shorten ? cut : whole.size(), '\0');
      bench.files.set_content(first_path, image);
      {
        const auto log = bench.open();
        check_prefix(*log, 5);
        CHECK(log->recovered().torn_bytes <= cut - begin);
        REQUIRE(log->append(sample_entries(6, 7, 1, payload), Marks{}));
      }
      CHECK(bench.files.content(first_path).size() == whole.size());
      check_prefix(*bench.open(), 7);
    }
  }
}

TEST_CASE("reading a long log says how far it has come") {
  Bench bench;
  bench.fill(sample_entries(1, 200, 1, payload), 10, false);
  bench.open();
  CHECK_FALSE(bench.lines.has("MiB read"));
  bench.options.progress_every = 10'000;  // records of 128 bytes
  bench.open();
  CHECK(bench.lines.has("log: 0 of at most 0 MiB read, 79 records"));
  CHECK(bench.lines.has("log: 0 of at most 0 MiB read, 158 records"));
}

TEST_CASE("a torn record is zeroed to its end, counted and reported; the file is whole again") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  const Bytes before = bench.files.content(first_path);
  bench.flip(first_path, record_offset(4) + 70);
  const auto log = bench.open();
  check_prefix(*log, 4);
  CHECK(log->recovered().torn_bytes == 256);
  CHECK(bench.lines.has("256 torn bytes cut from data/wal-0000000001.log at offset 4608, behind index 4"));
  bench.files.lose_power(keep_nothing());
  Bytes expected = before.substr(0, record_offset(4));
  expected.resize(segment_size, '\0');
  CHECK(bench.files.content(first_path) == expected);
}

TEST_CASE("valid records behind a torn one do not vouch for it, nor does their commit index count") {
  Bench bench;
  {
    const auto log = bench.open();
    REQUIRE(log->append(sample_entries(1, 3, 1, payload), Marks{{}, LogIndex(1)}));
    REQUIRE(log->append(sample_entries(4, 9, 1, payload), Marks{{}, LogIndex(3)}));
  }
  bench.change(first_path, record_offset(3), Bytes(128, '\0'));
  const auto log = bench.open();
  check_prefix(*log, 3);
  CHECK(log->recovered().commit_index == LogIndex(1));
}

TEST_CASE("when only the process died, nothing but the very last record can be torn") {
  Bench bench;
  bench.fill(sample_entries(1, 9, 1, payload), 9, false);
  bench.options.only_process_died = true;
  SUBCASE("the last one: cut") {
    bench.flip(first_path, record_offset(8) + record_header_size);
    check_prefix(*bench.open(), 8);
  }
  SUBCASE("one before: damaged") {
    bench.flip(first_path, record_offset(7) + record_header_size);
    CHECK(bench.refusal().kind == ErrorKind::damaged);
  }
}

TEST_CASE("a log that ends before the place up to which it is known to be synced is damaged") {
  Bench bench;
  bench.fill(sample_entries(1, 9, 1, payload), 9, false);
  bench.options.synced = Position{1, static_cast<std::uint32_t>(record_offset(9))};
  check_prefix(*bench.open(), 9);
  SUBCASE("its last record is zeros") {
    bench.change(first_path, record_offset(8), Bytes(128, '\0'));
  }
  SUBCASE("its last segment is gone") {
    bench.options.synced = Position{2, segment_head_size};
  }
  CHECK(bench.refusal().kind == ErrorKind::damaged);
}

TEST_CASE("what was cut never comes back, even where a later log reaches the same place") {
  Bench bench;
  bench.fill(sample_entries(1, 9, 1, payload), 9, false);
  bench.flip(first_path, record_offset(5));
  {
    const auto log = bench.open();
    check_prefix(*log, 5);
    REQUIRE(log->append(sample_entries(6, 6, 1, payload), Marks{}));
  }
  check_prefix(*bench.open(), 6);
}

TEST_CASE("a bad record before a synced mark is refused, with file, offset and index, and nothing is cut") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 2, true);
  const Bytes sound = bench.files.content(first_path);
  // The last mark is that of entries 5 and 6: synced up to the end of entry 4.
  for (std::size_t number = 0; number < 4; ++number) {
    for (const std::size_t at : {0U, 4U, 20U, 63U, 64U, 80U, 127U}) {
      bench.files.set_content(first_path, sound);
      bench.flip(first_path, record_offset(number) + at);
      const Bytes damaged = bench.files.content(first_path);
      check_damage(bench.refusal(),
                   fmt::format("data/wal-0000000001.log: offset {}, index {}: ", record_offset(number), number + 1));
      CHECK(bench.files.content(first_path) == damaged);
    }
  }
  bench.files.set_content(first_path, sound);
  bench.flip(first_path, record_offset(4));
  check_prefix(*bench.open(), 4);
}

TEST_CASE("zeros in the place of a record before a synced mark are damage, not the end of the log") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 2, true);
  const Bytes sound = bench.files.content(first_path);
  bench.change(first_path, record_offset(1), Bytes(128, '\0'));
  check_damage(bench.refusal(), "offset 4224, index 2");
  // Everything but the last record's header is gone: its mark still tells.
  bench.files.set_content(first_path, sound);
  bench.change(first_path, record_offset(0), Bytes(std::size_t{5} * 128, '\0'));
  bench.change(first_path, record_offset(5) + 64, Bytes(64, '\0'));
  check_damage(bench.refusal(), "offset 4096, index 1");
}

TEST_CASE("in a segment that another one follows, every bad record is damage") {
  Bench bench;
  bench.fill(sample_entries(1, 120, 1, payload), 40, false);
  const Bytes sound = bench.files.content(first_path);
  REQUIRE(bench.files.exists(second_path));
  bench.flip(first_path, record_offset(95) + 3);
  check_damage(bench.refusal(), "data/wal-0000000001.log: offset 16256, index 96");
  bench.files.set_content(first_path, sound.substr(0, record_offset(95)));
  check_damage(bench.refusal(), "data/wal-0000000001.log: offset 16256, index 96");
}

TEST_CASE("a closed segment whose last records are gone is found out by the head of the next") {
  Bench bench;
  const auto entries = sample_entries(1, 70, 1, 200);
  bench.fill(entries, 10, false);
  const std::size_t size = record_size(200 + Entry::header_size);
  const std::size_t held = (segment_size - segment_head_size) / size;
  bench.change(first_path, segment_head_size + (held - 1) * size, Bytes(size, '\0'));
  check_damage(bench.refusal(), fmt::format("index {}", held));
}

TEST_CASE("what stands behind a closed segment's records is of no meaning") {
  Bench bench;
  const auto entries = sample_entries(1, 70, 1, 200);
  bench.fill(entries, 10, false);
  bench.flip(first_path, segment_size - 1);
  CHECK(bench.open()->last_index() == LogIndex(70));
}

TEST_CASE("a segment that is missing or whose head is bad is damage") {
  Bench bench;
  bench.fill(sample_entries(1, 200, 1, payload), 40, false);
  REQUIRE(bench.files.exists("data/wal-0000000003.log"));
  SUBCASE("a segment in the middle") {
    REQUIRE(bench.files.remove(second_path));
    check_damage(bench.refusal(), "data/wal-0000000002.log");
  }
  SUBCASE("the first segment") {
    REQUIRE(bench.files.remove(first_path));
    check_damage(bench.refusal(), "data/wal-0000000001.log");
  }
  SUBCASE("a bit of a head") {
    bench.flip(second_path, 20);
    check_damage(bench.refusal(), "data/wal-0000000002.log: offset 0, index 97");
  }
  SUBCASE("a head that is cut short") {
    bench.files.set_content("data/wal-0000000003.log", bench.files.content(second_path).substr(0, 4095));
    check_damage(bench.refusal(), "data/wal-0000000003.log: offset 0");
  }
  SUBCASE("two segments that have changed places") {
    const Bytes second = bench.files.content(second_path);
    bench.files.set_content(second_path, bench.files.content("data/wal-0000000003.log"));
    bench.files.set_content("data/wal-0000000003.log", second);
    check_damage(bench.refusal(), "data/wal-0000000002.log: offset 0");
  }
  SUBCASE("a file that is longer than its head says") {
    bench.files.set_content(second_path, bench.files.content(second_path) + "x");
    check_damage(bench.refusal(), "data/wal-0000000002.log: offset 0");
  }
}

TEST_CASE("two records that have changed places are damage or torn, never read") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  const Bytes content = bench.files.content(first_path);
  bench.change(first_path, record_offset(2), content.substr(record_offset(3), 128));
  bench.change(first_path, record_offset(3), content.substr(record_offset(2), 128));
  check_prefix(*bench.open(), 2);
}

TEST_CASE("a record that followed another one than the one before it is not read") {
  Bench other;
  other.fill(sample_entries(1, 3, 1, payload), 3, false);
  Bench bench;
  bench.fill({sample_entry(1, 1, payload), sample_entry(2, 2, payload)}, 2, false);
  bench.change(first_path, record_offset(2), other.files.content(first_path).substr(record_offset(2), 128));
  const auto log = bench.open();
  CHECK(log->last_index() == LogIndex(2));
  CHECK(log->recovered().torn_bytes == 128);
}

TEST_CASE("a record that claims a synced mark behind itself vouches for nothing") {
  Bench bench;
  bench.fill(sample_entries(1, 3, 1, payload), 3, false);
  bench.add_record(3, sample_entry(4, 1, payload), Position{1, static_cast<std::uint32_t>(record_offset(9))});
  check_prefix(*bench.open(), 3);
}

TEST_CASE("a record whose index leaves a gap, or is 0, is not read") {
  for (const std::uint64_t index : {0U, 5U, 1000000U}) {
    Bench bench;
    bench.fill(sample_entries(1, 3, 1, payload), 3, false);
    bench.add_record(3, sample_entry(index, 1, payload), Position{});
    check_prefix(*bench.open(), 3);
  }
  Bench bench;
  bench.fill(sample_entries(1, 3, 1, payload), 3, false);
  bench.add_record(3, sample_entry(4, 1, payload), Position{});
  check_prefix(*bench.open(), 4);
}

TEST_CASE("a closed segment that ends in another record of the same size is found out by the head of the next") {
  auto entries = sample_entries(1, 120, 1, payload);
  Bench bench;
  bench.fill(entries, 40, false);
  entries[95] = sample_entry(96, 2, payload);
  Bench other;
  other.fill(entries, 40, false);
  bench.files.set_content(first_path, other.files.content(first_path));
  check_damage(bench.refusal(), "data/wal-0000000001.log: offset 16384, index 97");
}

TEST_CASE("a log with a record of a newer kind is refused, not cut") {
  Bench bench;
  bench.fill(sample_entries(1, 3, 1, payload), 3, false);
  Bytes header = bench.files.content(first_path).substr(record_offset(2), record_header_size);
  header[12] = 2;
  const std::uint32_t checksum = crc32c(BytesView(header).substr(8));
  std::memcpy(header.data() + 4, &checksum, sizeof checksum);
  bench.change(first_path, record_offset(2), header);
  const Error error = bench.refusal();
  CHECK(error.kind == ErrorKind::mismatch);
  CHECK(error.text.find("offset 4352") != std::string::npos);
}

TEST_CASE("the log of another node or cluster is refused and left as it is") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  bench.files.set_content("data/wal-0000000002.log.spare.tmp", "x");
  bench.flip(first_path, record_offset(5));
  const Bytes before = bench.files.content(first_path);
  SUBCASE("node") {
    bench.options.node = NodeId(3);
  }
  SUBCASE("cluster") {
    bench.options.cluster = ClusterId(1);
  }
  CHECK(bench.refusal().kind == ErrorKind::mismatch);
  CHECK(bench.files.content(first_path) == before);
  CHECK(bench.files.exists("data/wal-0000000002.log.spare.tmp"));
}

TEST_CASE("left-over temporary files are removed") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  bench.files.set_content("data/wal-0000000002.log.spare.tmp", "x");
  bench.files.set_content("data/notes", "x");
  check_prefix(*bench.open(), 6);
  CHECK_FALSE(bench.files.exists("data/wal-0000000002.log.spare.tmp"));
  CHECK(bench.files.exists("data/notes"));
}

TEST_CASE("a log that begins anew behind a snapshot, in a new segment because the last one is full, opens again") {
  Bench bench;
  const std::uint64_t full = (segment_size - segment_head_size) / record_size(payload + Entry::header_size);
  bench.fill(sample_entries(1, full, 1, payload), full, true);
  const EntryId snapshot{LogIndex(1000), Term(2)};
  for (int opening = 0; opening < 2; ++opening) {
    const auto log = Log::open(bench.files, bench.options, bench.lines, snapshot);
    REQUIRE(log);
    CHECK((*log)->recovered().base == snapshot);
    CHECK((*log)->last_index() == snapshot.index);
    CHECK((*log)->end().segment == 2);
  }
}

TEST_CASE("opening syncs what an earlier process left in the kernel before anything is trusted") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  bench.files.kill_process();
  {
    const auto log = bench.open();
    check_prefix(*log, 6);
  }
  bench.files.lose_power(keep_nothing());
  check_prefix(*bench.open(), 6);
}

TEST_CASE("records written after an opening vouch for what the opening synced") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  bench.fill({sample_entry(7, 1, payload)}, 1, false);
  bench.flip(first_path, record_offset(5));
  check_damage(bench.refusal(), "offset 4736, index 6");
}

TEST_CASE("an error of the disk while opening is reported as such") {
  Bench bench;
  bench.fill(sample_entries(1, 6, 1, payload), 6, false);
  for (const FileOperation operation : {FileOperation::open, FileOperation::read, FileOperation::sync,
                                        FileOperation::list, FileOperation::size, FileOperation::sync_directory}) {
    bench.files.set_fault([&](const FileCall& call) {
      return call.operation == operation ? std::optional(Error{ErrorKind::io, "broken"}) : std::nullopt;
    });
    CHECK(bench.refusal().kind == ErrorKind::io);
  }
  bench.files.set_fault(nullptr);
  check_prefix(*bench.open(), 6);
}

TEST_CASE("a length that is out of bounds is found before anything is allocated for it") {
  Bench bench;
  bench.fill(sample_entries(1, 3, 1, payload), 3, false);
  for (const std::uint32_t length :
       {std::uint32_t{0}, std::uint32_t{1}, std::uint32_t{12289}, std::uint32_t{1} << 31, ~std::uint32_t{0}}) {
    CAPTURE(length);
    Bench other;
    other.fill(sample_entries(1, 2, 1, payload), 2, false);
    RecordHeader header;
    header.body_size = length;
    header.index = LogIndex(3);
    header.term = Term(1);
    header.position = Position{1, static_cast<std::uint32_t>(record_offset(2))};
    // Encoded with a small body, then given the length and its checksum.
    RecordHeader small = header;
    small.body_size = 0;
    Bytes bytes;
    encode_record(bytes, small, {}, identity_of(other.options.cluster, other.options.node));
    std::memcpy(bytes.data() + 8, &length, sizeof length);
    const std::uint32_t checksum = crc32c(BytesView(bytes).substr(8, 56));
    std::memcpy(bytes.data() + 4, &checksum, sizeof checksum);
    other.change(first_path, record_offset(2), bytes);
    check_prefix(*other.open(), 2);
  }
}
