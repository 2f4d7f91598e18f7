#include "wal/data_directory.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/inspection.hpp"
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

TEST_CASE("a snapshot without metadata, or without a log, is a loss as well, to a node and to who only looks") {
  Bench bench;
  InspectionVisitor nobody;
  REQUIRE(bench.files.make_directory("data"));
  bool has_metadata = false;
  SUBCASE("alone") {}
  SUBCASE("with metadata of a first start") {
    Metadata metadata;
    metadata.cluster = bench.options.cluster;
    metadata.node = bench.options.node;
    REQUIRE(MetadataFile::open(bench.files, "data", metadata));
    CHECK(inspect(bench.files, "data", nobody)->findings == 0);
    has_metadata = true;
  }
  auto writer = SnapshotWriter::begin(bench.files, bench.options, {LogIndex(9), Term(2)}, "own");
  REQUIRE(writer);
  REQUIRE((*writer)->append("state"));
  REQUIRE((*writer)->finish());
  CHECK(bench.refusal() == ErrorKind::damaged);
  CHECK(bench.files.exists("data/metadata") == has_metadata);  // nothing was made anew
  CHECK(inspect(bench.files, "data", nobody)->findings == 1);
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

namespace {

RunOptions run_of(const std::string& boot_id, Durability ack) {
  return {boot_id, "run", ack};
}

// Opens it, ends the run in the way of `end`, and opens it again on the kernel `boot_id`.
Standing standing_at_next_start(
    Bench& bench, Durability ack, const std::string& boot_id,
    const std::function<void(DataDirectory&)>& end = [](DataDirectory&) {}) {
  {
    auto opened = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", ack));
    REQUIRE(opened);
    CHECK(opened->standing == Standing::sound);
    end(*opened);
  }
  const auto again = open_data_directory(bench.files, bench.options, bench.lines, run_of(boot_id, Durability::synced));
  REQUIRE(again);
  return again->standing;
}

void end_cleanly(DataDirectory& directory) {
  Metadata metadata = directory.metadata->current();
  metadata.run.ended_cleanly = true;
  REQUIRE(directory.metadata->save(metadata));
}

Incarnation durable_incarnation(Bench& bench) {
  const auto file = MetadataFile::open(bench.files, bench.options.directory, {});
  REQUIRE(file);
  return (*file)->current().incarnation;
}

// An entry was on its way to the disk.
void append_one(DataDirectory& directory) {
  REQUIRE(directory.log->append(sample_entries(1, 1, 1, 100), Marks{}));
}

void spoil_last_entry(MemoryFiles& files) {
  const std::string path = "data/wal-0000000001.log";
  Bytes content = files.content(path);
  content[segment_head_size + record_header_size] ^= 1;
  files.set_content(path, content);
}

}  // namespace

TEST_CASE("rule 6: a directory of which is known that it was put back is not opened any more, nor with --rejoin") {
  Bench bench;
  {
    auto opened = bench.open();
    REQUIRE(opened);
    Metadata metadata = opened->metadata->current();
    metadata.admission = Admission::outdated;
    REQUIRE(opened->metadata->save(metadata));
  }
  const Incarnation before = durable_incarnation(bench);
  for (const bool rejoin : {false, true}) {
    RunOptions run;
    run.rejoin = rejoin;
    const auto opened = open_data_directory(bench.files, bench.options, bench.lines, run);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::mismatch);
    CHECK(opened.error().text.find("put back to an older state") != std::string::npos);
  }
  CHECK(durable_incarnation(bench) == before);
}

TEST_CASE("a start that is recovering says why, as far as it can tell") {
  const auto says = [](std::string_view boot_id, std::string_view why, const auto& end) {
    Bench bench;
    CHECK(standing_at_next_start(bench, Durability::written, std::string(boot_id), end) == Standing::recovering);
    CAPTURE(why);
    CHECK(bench.lines.has(fmt::format("recovering: {}", why)));
  };
  const auto killed = [](DataDirectory& /*directory*/) {};
  says("b", "the machine lost power, or was started anew", killed);
  says("", "it did not end cleanly, and whether the same kernel runs now is not known", killed);
  says("a", "it did not end cleanly, and run/0000000000000001.run does not vouch for the last run",
       [](DataDirectory& directory) { REQUIRE(directory.marker->remove()); });
  says("a", "it was recovering when it ended, and had not caught up", [](DataDirectory& directory) {
    Metadata recovering = directory.metadata->current();
    recovering.run.recovering = true;
    REQUIRE(directory.metadata->save(recovering));
  });
}

TEST_CASE("rule 2: as long as the kernel lives, a node that was killed has lost nothing") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "a") == Standing::sound);
}

TEST_CASE(
    "rule 2: when the kernel is gone, what was acknowledged as written may be lost, and nothing that was synced") {
  Bench bench;
  SUBCASE("written") {
    CHECK(standing_at_next_start(bench, Durability::written, "b") == Standing::recovering);
  }
  SUBCASE("synced") {
    CHECK(standing_at_next_start(bench, Durability::synced, "b") == Standing::sound);
  }
}

TEST_CASE("a torn end casts a doubt on the last batch that was synced, so its node abstains; a whole one does not") {
  Bench bench;
  const auto torn = [&](DataDirectory& directory) {
    append_one(directory);
    spoil_last_entry(bench.files);
  };
  SUBCASE("torn") {
    CHECK(standing_at_next_start(bench, Durability::synced, "b", torn) == Standing::abstaining);
  }
  SUBCASE("whole") {
    CHECK(standing_at_next_start(bench, Durability::synced, "b", append_one) == Standing::sound);
  }
  SUBCASE("torn by the end of the process alone") {
    CHECK(standing_at_next_start(bench, Durability::synced, "a", torn) == Standing::sound);
  }
}

TEST_CASE("what a start has found, or a clean end has synced, is damaged when it is gone, and never torn") {
  Bench bench;
  const std::string path = "data/wal-0000000001.log";
  const auto append = [&](DataDirectory& directory) {
    const auto target = directory.log->append(sample_entries(1, 3, 1, 100), Marks{});
    REQUIRE(target);
    REQUIRE(target->sync());
  };
  SUBCASE("found by a start") {
    static_cast<void>(standing_at_next_start(bench, Durability::synced, "b", append));
  }
  SUBCASE("synced by a clean end") {
    auto opened = bench.open();
    REQUIRE(opened);
    append(*opened);
    Metadata metadata = opened->metadata->current();
    metadata.run.ended_cleanly = true;
    metadata.synced = opened->log->end();
    REQUIRE(opened->metadata->save(metadata));
  }
  InspectionVisitor nobody;
  CHECK(inspect(bench.files, "data", nobody)->findings == 0);
  Bytes content = bench.files.content(path);
  const std::size_t last = content.find_last_not_of('\0');
  bench.files.set_content(path, content.substr(0, last - 50));
  CHECK(bench.refusal() == ErrorKind::damaged);
  CHECK(inspect(bench.files, "data", nobody)->findings == 1);
}

TEST_CASE("a start whose sync is refused is not trusted by the next, and nothing goes with the power then") {
  Bench bench;
  const auto open = [&] {
    return open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written));
  };
  {
    const auto first = open();
    REQUIRE(first);
    REQUIRE(first->log->append(sample_entries(1, 3, 1, 100), Marks{}));
  }
  bench.files.forget_at_failed_sync();
  bench.files.set_fault([](const FileCall& call) {
    const bool refused = call.operation == FileOperation::sync && call.path.ends_with(".log");
    return refused ? std::optional(Error{ErrorKind::io, "refused"}) : std::nullopt;
  });
  REQUIRE(open().error().kind == ErrorKind::io);
  bench.files.set_fault(nullptr);
  {
    const auto second = open();
    REQUIRE(second);
    CHECK(second->standing == Standing::recovering);
    CHECK(second->log->last_index() == LogIndex(3));
  }
  bench.files.lose_power(keep_nothing());
  const auto third = open();
  REQUIRE(third);
  CHECK(third->log->last_index() == LogIndex(3));
}

TEST_CASE("rule 2: after a clean end nothing can be lost with the kernel") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "b", end_cleanly) == Standing::sound);
}

TEST_CASE("rule 2: without its marker a log is not trusted, though the kernel lives") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "a", [](DataDirectory& directory) {
          REQUIRE(directory.marker->remove());
        }) == Standing::recovering);
}

TEST_CASE("rule 2: what was unmounted since is not trusted, though the kernel lives") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "a", [&](DataDirectory& /*directory*/) {
          bench.files.mount_again();
        }) == Standing::recovering);
}

TEST_CASE("a marker that cannot be taken away says so, and one that is gone is no error") {
  Bench bench;
  auto opened = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written));
  REQUIRE(opened);
  bench.files.set_fault([](const FileCall& call) {
    const bool refused = call.operation == FileOperation::remove;
    return refused ? std::optional(Error{ErrorKind::io, "refused"}) : std::nullopt;
  });
  CHECK(opened->marker->remove().error().text ==
        "refused; remove it by hand, or the next start trusts what the disk may not hold");
  bench.files.set_fault(nullptr);
  REQUIRE(opened->marker->remove());
  CHECK(opened->marker->remove());
}

TEST_CASE("rule 2: a node that was killed while it started is still known by the run before") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "a", [](DataDirectory& directory) {
          REQUIRE(
              directory.marker->announce(Incarnation(0)));  // its incarnation is saved, and the mark not yet renewed
        }) == Standing::sound);
  CHECK(standing_at_next_start(bench, Durability::written, "a", [](DataDirectory& directory) {
          REQUIRE(directory.marker->announce(directory.metadata->current().incarnation));  // nor is the incarnation
        }) == Standing::sound);
}

TEST_CASE("rule 2: nor by a mark that was left in another run directory, by the run before or by a start after that") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "a", [](DataDirectory& directory) {
          REQUIRE(directory.marker->leave(Incarnation(0)));
        }) == Standing::recovering);
  Bench other;
  CHECK(standing_at_next_start(other, Durability::written, "a", [&](DataDirectory& directory) {
          RunOptions run = run_of("a", Durability::written);
          run.nonce = 77;
          RunMarker marker(other.files, run, "data", directory.metadata->current().directory);
          REQUIRE(marker.announce(Incarnation(0)));
        }) == Standing::recovering);
}

TEST_CASE("rule 2: an older copy of a directory is not vouched for by the marker of a newer one") {
  Bench bench;
  Metadata older;
  {
    const auto opened = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written));
    REQUIRE(opened);
    older = opened->metadata->current();
  }
  CHECK(standing_at_next_start(bench, Durability::written, "a", [&](DataDirectory& directory) {
          REQUIRE(directory.metadata->save(older));
        }) == Standing::recovering);
}

TEST_CASE("rule 2: neither when the boot id is not known") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "") == Standing::recovering);
}

TEST_CASE("rule 2: a clean end speaks for its own run only") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "b", end_cleanly) == Standing::sound);
  {
    const auto third = open_data_directory(bench.files, bench.options, bench.lines, run_of("c", Durability::written));
    REQUIRE(third);
    CHECK(third->standing == Standing::sound);
  }
  const auto fourth = open_data_directory(bench.files, bench.options, bench.lines, run_of("d", Durability::synced));
  REQUIRE(fourth);
  CHECK(fourth->standing == Standing::recovering);
}

TEST_CASE("a recovering node is so at each start until it has recorded that it is not") {
  Bench bench;
  CHECK(standing_at_next_start(bench, Durability::written, "b") == Standing::recovering);
  auto third = open_data_directory(bench.files, bench.options, bench.lines, run_of("b", Durability::synced));
  REQUIRE(third);
  CHECK(third->standing == Standing::recovering);
  Metadata metadata = third->metadata->current();
  metadata.run.recovering = false;
  REQUIRE(third->metadata->save(metadata));
  third = Error{ErrorKind::io, ""};
  const auto fourth = open_data_directory(bench.files, bench.options, bench.lines, run_of("b", Durability::synced));
  REQUIRE(fourth);
  CHECK(fourth->standing == Standing::sound);
}

namespace {

Standing standing_of(Bench& bench) {
  const auto opened = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written));
  REQUIRE(opened);
  return opened->standing;
}

// A run on the kernel "a" that writes some entries, and ends when their sync fails; the kernel forgets what that was
// for.
void end_in_failed_sync(Bench& bench, std::uint64_t synced, std::uint64_t written) {
  const auto opened = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::synced));
  REQUIRE(opened);
  auto target = opened->log->append(sample_entries(1, synced, 1, 700), {});
  REQUIRE(target);
  REQUIRE(target->sync());
  target = opened->log->append(sample_entries(synced + 1, written, 1, 700), {target->end, LogIndex(0)});
  REQUIRE(target);
  bench.files.forget_at_failed_sync();
  bench.files.set_fault([](const FileCall& call) {
    return call.operation == FileOperation::sync ? std::optional(Error{ErrorKind::io, "broken"}) : std::nullopt;
  });
  CHECK_FALSE(target->sync());
  bench.files.set_fault(nullptr);
  REQUIRE(opened->marker->remove());
}

}  // namespace

TEST_CASE("what a failed sync has lost of the log is on the disk again before the next run begins") {
  for (const std::uint64_t written : {8U, 60U}) {  // in one segment, or in several
    Bench bench;
    end_in_failed_sync(bench, 5, written);
    {
      const auto again = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::synced));
      REQUIRE(again);
      CHECK(again->standing == Standing::abstaining);
      CHECK(again->log->last_index() == LogIndex(written));
      CHECK(bench.lines.has("is written again"));
    }
    bench.files.lose_power(keep_nothing());
    const auto third = open_data_directory(bench.files, bench.options, bench.lines, run_of("b", Durability::synced));
    REQUIRE(third);
    const auto entries = all_entries(*third->log);
    REQUIRE(entries);
    CHECK(same_entries(*entries, sample_entries(1, written, 1, 700)));
  }
}

TEST_CASE("nothing is written again by a kernel that has seen no sync fail") {
  Bench bench;
  SUBCASE("the one that runs is trusted") {
    CHECK(standing_at_next_start(bench, Durability::written, "a") == Standing::sound);
  }
  SUBCASE("it is another one") {
    CHECK(standing_at_next_start(bench, Durability::written, "b") == Standing::recovering);
  }
  CHECK_FALSE(bench.lines.has("is written again"));
}

TEST_CASE("a start that the disk fails takes the marker away: what could not be synced, the next one would be shown") {
  for (const FileOperation operation : {FileOperation::sync, FileOperation::write, FileOperation::read}) {
    Bench bench;
    REQUIRE(open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written)));
    bench.files.set_fault([&](const FileCall& call) {
      const bool fails = call.operation == operation && call.path.starts_with("data/wal");
      return fails ? std::optional(Error{ErrorKind::io, "broken"}) : std::nullopt;
    });
    const auto failed = open_data_directory(bench.files, bench.options, bench.lines, run_of("a", Durability::written));
    bench.files.set_fault(nullptr);
    if (!failed) {
      CHECK(bench.files.names_in("run", false).empty());
      CHECK(standing_of(bench) == Standing::recovering);
    }
    CHECK((failed.has_value() == (operation == FileOperation::write)));  // it writes nothing to a log that it trusts
  }
}
