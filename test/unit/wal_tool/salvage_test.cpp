// kv-wal salvage on files in memory: what goes into the new directory, what is said of the rest, and that a node does
// not take what is left for all there was.
#include "wal_tool/salvage.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "base/checksum.hpp"
#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal_tool;

namespace {

constexpr std::uint64_t segment_size = 64 << 10;
constexpr std::size_t payload = 1000;

// A node's data directory, and what salvages it.
struct Bench {
  MemoryFiles files;
  KeptLines lines;
  wal::LogOptions options = sample_options(segment_size);
  wal::RunOptions run{"boot", "run", Durability::synced};
  Options command;
  std::map<std::uint64_t, wal::Position> places;  // of the record of each index

  Bench() {
    command.directory = "data";
    command.out = "out";
    REQUIRE(files.make_directory("."));
  }

  // A run of the node, which appends entries and syncs each, and is killed or ends cleanly.
  void live(std::uint64_t first, std::uint64_t last, bool ends_cleanly = false) {
    {
      auto opened = open_data_directory(files, options, lines, run);
      REQUIRE(opened);
      wal::Marks marks{opened->log->end(), opened->log->recovered().commit_index};
      for (const Entry& entry : sample_entries(first, last, 1, payload)) {
        append(*opened->log, entry, marks);
      }
      if (ends_cleanly) {
        wal::Metadata metadata = opened->metadata->current();
        metadata.run.ended_cleanly = true;
        metadata.synced = opened->log->end();
        REQUIRE(opened->metadata->save(metadata));
      }
    }
    files.kill_process();
  }
  void append(wal::Log& log, const Entry& entry, wal::Marks& marks) {
    const auto target = log.append(std::span(&entry, 1), marks);
    REQUIRE(target);
    REQUIRE(target->sync());
    const auto size = static_cast<std::uint32_t>(wal::record_size(entry.body.size()));
    places[entry.index.value] = {target->end.segment, target->end.offset - size};
    marks = {target->end, entry.index};
  }
  void damage(const std::string& path, std::size_t offset) {
    Bytes content = files.content(path);
    content[offset] = static_cast<char>(content[offset] ^ 0x10);
    files.set_content(path, content);
  }
  void damage_entry(std::uint64_t index) {
    damage(wal::segment_path("data", places[index].segment), places[index].offset + wal::record_header_size + 40);
  }
  void make_unreadable(std::uint64_t from, std::uint64_t to) {
    files.set_fault([from, to](const FileCall& call) -> std::optional<Error> {
      const bool touches = call.offset < to && call.offset + call.size > from;
      return call.operation == FileOperation::read && call.path == "data/wal-0000000001.log" && touches
                 ? std::optional(Error{ErrorKind::io, "cannot read: Input/output error"})
                 : std::nullopt;
    });
  }
  bool says(const Salvaged& salvaged, const std::string& part) const {
    return salvaged_text(command, salvaged).find(part) != std::string::npos;
  }
  Result<Salvaged> salvage() { return write_salvaged(files, command); }
  // What the node makes of OUT. It has the log, too.
  wal::DataDirectory start_in_out() {
    options.directory = "out";
    auto opened = open_data_directory(files, options, lines, run);
    REQUIRE(opened);
    return std::move(*opened);
  }
};

}  // namespace

TEST_CASE("what lacks something comes back recovering, though the run before is vouched for") {
  Bench bench;
  SUBCASE("by its marker") {
    bench.live(1, 30);
  }
  SUBCASE("by its clean end") {
    bench.live(1, 30, true);
  }
  bench.damage_entry(20);
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(salvaged->is_less());
  CHECK(salvaged->last_index == LogIndex(19));
  CHECK(salvaged->beside == 10);
  CHECK(bench.says(*salvaged, "left out: 20 to 30, "));
  const wal::DataDirectory out = bench.start_in_out();
  CHECK(out.standing == Standing::recovering);
  CHECK(out.metadata->current().run.recovering);
  CHECK(same_entries(*all_entries(*out.log), sample_entries(1, 19, 1, payload)));
}

TEST_CASE("what was repaired stands in its place, or with what was left out") {
  Bench bench;
  bench.live(1, 30);
  bench.damage_entry(5);
  bench.damage_entry(10);
  bench.damage_entry(20);
  {
    bench.options.repairable = true;
    const auto opened = open_data_directory(bench.files, bench.options, bench.lines, bench.run);
    REQUIRE(opened);
    for (const std::uint64_t index : {5U, 20U}) {
      const Entry entry = sample_entry(index, 1, payload);
      const auto target = opened->log->repair(std::span(&entry, 1), wal::Marks{opened->log->end(), LogIndex(4)});
      REQUIRE(target);
      REQUIRE(target->sync());
    }
  }
  bench.files.kill_process();
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(salvaged->last_index == LogIndex(9));
  CHECK(salvaged->beside == 20);  // 11 to 30
  CHECK(bench.files.content("out.left-out.jsonl").find("\"index\":20,") != std::string::npos);
  CHECK(same_entries(*all_entries(*bench.start_in_out().log), sample_entries(1, 9, 1, payload)));
}

TEST_CASE("what lacks nothing comes back as it was") {
  Bench bench;
  bench.live(1, 30);
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK_FALSE(salvaged->is_less());
  CHECK(salvaged->beside == 0);
  CHECK(salvaged_text(bench.command, *salvaged) == "out: entries 1 to 30\n");
  const wal::DataDirectory out = bench.start_in_out();
  CHECK(out.standing == Standing::sound);
  CHECK(same_entries(*all_entries(*out.log), sample_entries(1, 30, 1, payload)));
}

TEST_CASE("what a torn end held may have been acknowledged: nobody who only looks knows how the process ended") {
  Bench bench;
  bench.live(1, 30);
  bench.damage_entry(30);
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(salvaged->is_less());
  CHECK(salvaged->found.findings == 0);
  CHECK(bench.says(*salvaged, "torn bytes"));
  CHECK(bench.start_in_out().standing == Standing::recovering);
}

TEST_CASE("a new vote comes back recovering") {
  Bench bench;
  bench.live(1, 30, true);
  bench.damage("data/metadata", 30);
  bench.damage("data/metadata", wal::metadata_slot_size + 30);
  bench.command.new_vote = true;
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(salvaged->is_less());
  const wal::DataDirectory out = bench.start_in_out();
  CHECK(out.standing == Standing::recovering);
  CHECK(out.metadata->current().term == Term(2));
  CHECK(out.log->last_index() == LogIndex(30));
}

TEST_CASE("of a sector that cannot be read at the end it is said that there may have been more") {
  Bench bench;
  bench.live(1, 30);
  SUBCASE("behind all records") {
    bench.make_unreadable(45056, 49152);
    const auto salvaged = bench.salvage();
    REQUIRE(salvaged);
    CHECK(salvaged->last_index == LogIndex(30));
    CHECK(bench.says(*salvaged, "left out: from 31 on"));
    CHECK(bench.says(*salvaged, "A member of a cluster must not come back"));
  }
  SUBCASE("with the last records in it") {
    const auto at = bench.places[30].offset / 4096 * 4096;
    bench.make_unreadable(at, at + 8192);
    const auto salvaged = bench.salvage();
    REQUIRE(salvaged);
    CHECK(salvaged->end_unknown);
    CHECK(bench.says(*salvaged, "on; how many there were cannot be told"));
  }
  bench.files.set_fault({});
  CHECK(bench.start_in_out().standing == Standing::recovering);
}

TEST_CASE("of a snapshot that cannot be read it is said what it held and the log does not") {
  Bench bench;
  bench.live(1, 30, true);
  for (const std::uint64_t index : {20U, 50U}) {
    auto writer = wal::SnapshotWriter::begin(bench.files, bench.options, {LogIndex(index), Term(1)}, "own");
    REQUIRE(writer);
    REQUIRE((*writer)->append("state"));
    REQUIRE((*writer)->finish());
  }
  bench.damage("data/snapshot-00000000000000000050.snap", 66);
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(salvaged->is_less());
  CHECK(bench.says(*salvaged, "left out: what the snapshot up to index 50 held"));
  CHECK(bench.start_in_out().standing == Standing::recovering);
}

TEST_CASE("what a node has begun to change while it was read is not finished") {
  Bench bench;
  bench.live(1, 30);
  bench.damage_entry(20);
  std::unique_ptr<wal::FileLock> lock;
  bool copying = false;
  SUBCASE("the node runs") {
    lock = *bench.files.lock(wal::lock_path("data"));
  }
  SUBCASE("the files are not what they were") {
    bench.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
      copying = copying || (call.operation == FileOperation::create && call.path.starts_with("out/"));
      const bool gone = copying && call.operation == FileOperation::read && call.path == "data/metadata";
      return gone ? std::optional(Error{ErrorKind::io, "cannot read: Input/output error"}) : std::nullopt;
    });
  }
  const auto salvaged = bench.salvage();
  REQUIRE_FALSE(salvaged);
  CHECK(salvaged.error().kind == ErrorKind::in_use);
  CHECK_FALSE(bench.files.exists("out/metadata"));
}

TEST_CASE("term and vote of an older copy are not taken when a newer version has written the other") {
  Bench bench;
  bench.live(1, 30);
  Bytes content = bench.files.content("data/metadata");
  constexpr std::size_t slot = wal::metadata_slot_size;
  content[slot + 8] = 9;  // the format
  const std::uint32_t checksum = crc32c(BytesView(content).substr(slot + 8, slot - 8));
  std::memcpy(content.data() + slot + 4, &checksum, sizeof checksum);
  bench.files.set_content("data/metadata", content);
  bench.command.new_vote = true;
  const auto salvaged = bench.salvage();
  REQUIRE_FALSE(salvaged);
  CHECK(salvaged.error().kind == ErrorKind::mismatch);
  CHECK_FALSE(bench.files.exists("out/metadata"));
}

TEST_CASE("of a log that is missing nothing is known to be there, and all may have been") {
  Bench bench;
  bench.live(1, 30);
  REQUIRE(bench.files.remove("data/wal-0000000001.log"));
  const auto salvaged = bench.salvage();
  REQUIRE(salvaged);
  CHECK(bench.says(*salvaged, "left out: from 1 on"));
  CHECK(bench.start_in_out().standing == Standing::recovering);
}
