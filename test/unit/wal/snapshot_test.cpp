// Snapshot files, the log that gives way to them, and both together under crashes at every call.
#include "wal/snapshot.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"
#include "wal/inspection.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 16384;
constexpr std::size_t payload = 1000;

EntryId at(std::uint64_t index, std::uint64_t term) {
  return {LogIndex(index), Term(term)};
}

Bytes content_of(EntryId last_included) {
  Bytes content = fmt::format("state at {} ", last_included.index);
  return content + Bytes(150'000, static_cast<char>('a' + last_included.index.value % 26));
}

struct Bench {
  MemoryFiles files;
  KeptLines lines;
  LogOptions options = sample_options(segment_size);

  Bench() { REQUIRE(files.make_directory("data")); }

  std::unique_ptr<SnapshotStore> open() {
    auto store = SnapshotStore::open(files, options, lines);
    REQUIRE(store);
    return std::move(*store);
  }
};

Result<void> take(SnapshotStore& store, EntryId last_included) {
  auto writer = store.begin(last_included, "own");
  if (!writer) {
    return writer.error();
  }
  const Bytes content = content_of(last_included);
  for (std::size_t offset = 0; offset < content.size(); offset += 40'000) {
    if (auto appended = (*writer)->append(BytesView(content).substr(offset, 40'000)); !appended) {
      return appended;
    }
  }
  auto file = (*writer)->finish();
  if (!file) {
    return file.error();
  }
  return store.add(*file);
}

Bytes read_whole(SnapshotStore& store, EntryId last_included, std::size_t piece) {
  auto reader = store.read(last_included);
  REQUIRE(reader);
  Bytes content;
  while (content.size() < (*reader)->file().size) {
    const auto part = (*reader)->read(content.size(), piece);
    REQUIRE(part);
    content += *part;
  }
  return content;
}

// The life of a data directory: two snapshots of its own, log that goes, a snapshot that is installed, and log behind
// it. Ends at the first error. What was synced must be found again.
struct Life {
  EntryId snapshot;
  EntryId last;
  std::uint64_t restarted_at = 0;

  Result<void> append(Log& log, std::uint64_t first, std::uint64_t last_index, std::uint64_t term) {
    const auto target = log.append(sample_entries(first, last_index, term, payload), {});
    if (!target) {
      return target.error();
    }
    auto synced = target->sync();
    if (synced) {
      last = at(last_index, term);
    }
    return synced;
  }
  Result<void> snap(FileSystem& files, DataDirectory& directory, EntryId last_included) {
    auto taken = take(*directory.snapshots, last_included);
    if (taken) {
      snapshot = last_included;
      taken = remove_segments(files, "data", directory.log->release(directory.snapshots->released()));
    }
    return taken;
  }
  Result<void> install(FileSystem& files, DataDirectory& directory, EntryId last_included) {
    auto done = take(*directory.snapshots, last_included);
    if (done) {
      snapshot = last = last_included;
      restarted_at = last_included.index.value;
      done = directory.log->restart(last_included, {});
    }
    return done ? remove_segments(files, "data", directory.log->release(last_included.index)) : done;
  }

  Result<void> live(FileSystem& files, const LogOptions& options, Logger& logger) {
    auto opened = open_data_directory(files, options, logger);
    if (!opened) {
      return opened.error();
    }
    DataDirectory& directory = *opened;
    auto done = append(*directory.log, 1, 30, 1);
    done = done ? snap(files, directory, at(20, 1)) : done;
    done = done ? append(*directory.log, 31, 60, 1) : done;
    done = done ? snap(files, directory, at(45, 1)) : done;
    done = done ? append(*directory.log, 58, 90, 2) : done;  // overrides
    done = done ? snap(files, directory, at(80, 2)) : done;
    done = done ? install(files, directory, at(200, 3)) : done;
    return done ? append(*directory.log, 201, 230, 3) : done;
  }
};

std::uint64_t term_in_life(std::uint64_t index) {
  return index > 200 ? 3 : index >= 58 ? 2 : 1;
}

void check_reopened(MemoryFiles& files, const LogOptions& options, Logger& logger, const Life& life) {
  auto opened = open_data_directory(files, options, logger);
  if (!opened) {
    FAIL(opened.error().text);
  }
  const EntryId newest = opened->snapshots->newest();
  const Recovered& found = opened->log->recovered();
  CHECK(newest.index >= life.snapshot.index);
  CHECK(found.last_index >= life.last.index);
  CHECK(found.base.index <= newest.index);
  CHECK(found.commit_index >= newest.index);
  if (newest.index > LogIndex(0)) {
    CHECK(read_whole(*opened->snapshots, newest, 70'000) == content_of(newest));
  }
  // Before the last override was synced, the log may still end with the entries that it overrides.
  const std::uint64_t until = std::min(life.last.index.value, found.last_index.value);
  const auto first = found.base.index.next();
  if (LogIndex(until) < first) {
    return;
  }
  std::uint64_t index = first.value;
  REQUIRE(opened->log->replay(first, LogIndex(until), [&](const Entry& entry) {
    CHECK(entry.index.value == index);
    const bool settled = life.last.term >= Term(2) || index < 58;
    if (settled) {
      CHECK(entry.term == Term(term_in_life(index)));
    }
    CHECK(entry.body.view() == sample_entry(index, entry.term.value, payload).body.view());
    ++index;
  }));
}

}  // namespace

TEST_CASE("a snapshot is read as it was written, in parts of any size, also after a restart") {
  Bench bench;
  REQUIRE(take(*bench.open(), at(7, 2)));
  const auto store = bench.open();
  CHECK((store->newest() == at(7, 2)));
  CHECK(read_whole(*store, at(7, 2), 1 << 20) == content_of(at(7, 2)));
  CHECK(read_whole(*store, at(7, 2), 999) == content_of(at(7, 2)));
  const auto other = store->read(at(8, 2));
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == ErrorKind::not_found);
}

TEST_CASE("two snapshots are kept, and the log is released up to the older one") {
  Bench bench;
  const auto store = bench.open();
  REQUIRE(take(*store, at(7, 2)));
  CHECK(store->released() == LogIndex(0));
  REQUIRE(take(*store, at(9, 2)));
  CHECK(store->released() == LogIndex(7));
  REQUIRE(take(*store, at(12, 3)));
  CHECK(store->released() == LogIndex(9));
  CHECK_FALSE(bench.files.exists("data/snapshot-00000000000000000007.snap"));
  CHECK((bench.open()->kept().size() == 2));
}

TEST_CASE("a snapshot that came back, or whose removal a crash prevented, goes with the next one that is taken") {
  Bench bench;
  const std::string seven = "data/snapshot-00000000000000000007.snap";
  const std::string eight = "data/snapshot-00000000000000000008.snap";
  REQUIRE(take(*bench.open(), at(7, 2)));
  const Bytes sound = bench.files.content(seven);
  for (const EntryId next : {at(9, 2), at(12, 3)}) {
    REQUIRE(take(*bench.open(), next));
  }
  bench.files.set_content(seven, sound);
  bench.files.set_content(eight, "damaged");
  const auto store = bench.open();
  CHECK(store->released() == LogIndex(9));
  CHECK(bench.files.exists(seven));  // a start removes nothing that somebody may still want to look at
  REQUIRE(take(*store, at(13, 3)));
  CHECK_FALSE(bench.files.exists(seven));
  CHECK_FALSE(bench.files.exists(eight));
  CHECK((bench.open()->kept().size() == 2));
}

TEST_CASE("a snapshot that is left out goes with the next one, unless that takes its place") {
  Bench bench;
  const auto store = bench.open();
  for (const EntryId next : {at(7, 2), at(9, 2)}) {
    REQUIRE(take(*store, next));
  }
  CHECK(store->leave_out(at(9, 2)));
  CHECK_FALSE(store->leave_out(at(9, 2)));
  CHECK(store->newest() == at(7, 2));
  REQUIRE(take(*store, at(9, 2)));
  CHECK(store->newest() == at(9, 2));
  CHECK(store->released() == LogIndex(7));
  CHECK(bench.files.exists("data/snapshot-00000000000000000009.snap"));
  CHECK(store->leave_out(at(9, 2)));
  REQUIRE(take(*store, at(12, 3)));
  CHECK(store->released() == LogIndex(7));
  CHECK_FALSE(bench.files.exists("data/snapshot-00000000000000000009.snap"));
}

TEST_CASE("the oldest snapshot loses its name before its room is given back in steps, unless somebody reads it") {
  Bench bench;
  const auto store = bench.open();
  std::vector<std::string> removed;
  bench.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
    if (call.operation == FileOperation::remove) {
      removed.emplace_back(call.path);
    }
    return std::nullopt;
  });
  REQUIRE(take(*store, at(7, 2)));
  REQUIRE(take(*store, at(9, 2)));
  REQUIRE(take(*store, at(12, 3)));
  CHECK(removed == std::vector<std::string>{"data/snapshot-gone.tmp"});
  auto reader = store->read(at(9, 2));
  REQUIRE(reader);
  REQUIRE(take(*store, at(13, 3)));
  CHECK(removed.back() == "data/snapshot-00000000000000000009.snap");
  const auto content = (*reader)->read(0, 1000);
  REQUIRE(content);
  CHECK(*content == content_of(at(9, 2)).substr(0, 1000));
  reader = store->read(at(12, 3));
  reader->reset();
  REQUIRE(take(*store, at(14, 3)));
  CHECK(removed.back() == "data/snapshot-gone.tmp");
}

TEST_CASE("a changed byte anywhere in a snapshot is found, and the one before it takes its place") {
  Bench bench;
  REQUIRE(take(*bench.open(), at(7, 2)));
  REQUIRE(take(*bench.open(), at(9, 2)));
  const std::string path = "data/snapshot-00000000000000000009.snap";
  const Bytes sound = bench.files.content(path);
  for (std::size_t place = 0; place < sound.size(); place += place < 100 ? 1 : 9973) {
    Bytes changed = sound;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    bench.files.set_content(path, changed);
    CHECK((bench.open()->newest() == at(7, 2)));
  }
  bench.files.set_content(path, BytesView(sound).substr(0, sound.size() - 1));
  CHECK((bench.open()->newest() == at(7, 2)));
  CHECK(bench.lines.has("a snapshot is damaged"));
}

TEST_CASE("a snapshot under the name of another is damaged, to a node and to who only looks") {
  Bench bench;
  REQUIRE(take(*bench.open(), at(7, 2)));
  REQUIRE(take(*bench.open(), at(9, 2)));
  const std::string path = "data/snapshot-00000000000000000009.snap";
  bench.files.set_content(path, bench.files.content("data/snapshot-00000000000000000007.snap"));
  const auto store = bench.open();
  CHECK((store->newest() == at(7, 2)));
  CHECK(bench.lines.has(path + ": the snapshot's head says that it reaches up to index 7"));
  CHECK_FALSE(store->read(at(9, 2)).has_value());

  struct Kept final : InspectionVisitor {
    std::vector<Finding> findings;
    void on_finding(const Finding& finding) override { findings.push_back(finding); }
  } kept;
  Metadata metadata;
  metadata.cluster = bench.options.cluster;
  metadata.node = bench.options.node;
  REQUIRE(MetadataFile::open(bench.files, "data", metadata));
  const auto found = inspect(bench.files, "data", kept);
  REQUIRE(found);
  CHECK((found->snapshot() == at(7, 2)));
  CHECK(std::ranges::count(kept.findings, "snapshot-00000000000000000009.snap", &Finding::file) == 1);
}

TEST_CASE("a snapshot is synced and read back as it is written: no sync has to wait for much of it") {
  Bench bench;
  std::size_t unsynced = 0;
  std::size_t most_unsynced = 0;
  int syncs = 0;
  bench.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
    if (call.operation == FileOperation::write) {
      unsynced += call.size;
      most_unsynced = std::max(most_unsynced, unsynced);
    } else if (call.operation == FileOperation::sync) {
      unsynced = 0;
      ++syncs;
    }
    return std::nullopt;
  });
  const auto store = bench.open();
  auto writer = store->begin(at(7, 2), "own");
  REQUIRE(writer);
  const Bytes piece(300'000, 'x');
  const std::uint64_t size = SnapshotWriter::settle_every * 5 / 2;
  for (std::uint64_t written = 0; written < size; written += piece.size()) {
    REQUIRE((*writer)->append(piece));
  }
  CHECK(syncs == 2);
  CHECK(most_unsynced < SnapshotWriter::settle_every + 2 * piece.size());

  const std::string path = "data/snapshot-own.tmp";
  Bytes damaged = bench.files.content(path);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  bench.files.set_content(path, damaged);
  const auto file = (*writer)->finish();
  REQUIRE_FALSE(file);
  CHECK(file.error().kind == ErrorKind::damaged);
  CHECK(bench.files.names_in("data", false) == std::vector<std::string>{"snapshot-own.tmp"});
}

TEST_CASE("a snapshot of another node is refused") {
  Bench bench;
  REQUIRE(take(*bench.open(), at(7, 2)));
  bench.options.node = NodeId(3);
  const auto store = SnapshotStore::open(bench.files, bench.options, bench.lines);
  REQUIRE_FALSE(store);
  CHECK(store.error().kind == ErrorKind::mismatch);
}

TEST_CASE("segments go when all they hold is in the older snapshot, and the log opens without them") {
  MemoryFiles files;
  KeptLines lines;
  Life life;
  const LogOptions options = sample_options(segment_size);
  auto opened = open_data_directory(files, options, lines);
  REQUIRE(opened);
  REQUIRE(life.append(*opened->log, 1, 60, 1));
  REQUIRE(life.snap(files, *opened, at(30, 1)));
  CHECK(opened->log->first_index() == LogIndex(1));
  REQUIRE(life.snap(files, *opened, at(50, 1)));
  const LogIndex first = opened->log->first_index();
  CHECK((first > LogIndex(1) && first <= LogIndex(31)));
  CHECK_FALSE(files.exists("data/wal-0000000001.log"));
  files.kill_process();
  check_reopened(files, options, lines, life);
}

TEST_CASE("as long as no snapshot releases anything, not even a segment goes whose entries are all overridden") {
  MemoryFiles files;
  KeptLines lines;
  const LogOptions options = sample_options(segment_size);
  REQUIRE(files.make_directory("data"));
  auto log = Log::open(files, options, lines);
  REQUIRE(log);
  REQUIRE((*log)->append(sample_entries(1, 60, 1, payload), {}));
  REQUIRE((*log)->append(sample_entries(1, 60, 2, payload), {}));
  CHECK((*log)->release(LogIndex()).empty());
  log = Log::open(files, options, lines);
  REQUIRE(log);
  CHECK((*log)->last_index() == LogIndex(60));
}

TEST_CASE("a log begins anew though neither its segment nor the spare has room") {
  MemoryFiles files;
  KeptLines lines;
  const LogOptions options = sample_options(segment_head_size);  // room for nothing but the head
  REQUIRE(files.make_directory("data"));
  {
    auto log = Log::open(files, options, lines);
    REQUIRE(log);
    auto spare = prepare_segment(files, options, (*log)->wants_spare().value());
    REQUIRE(spare);
    (*log)->give_spare(std::move(*spare));
    REQUIRE((*log)->restart(at(10, 1), {}));
  }
  const auto again = Log::open(files, options, lines, at(10, 1));
  REQUIRE(again);
  CHECK((*again)->last_index() == LogIndex(10));
}

TEST_CASE("a node that ended before it saved the term of the snapshot that it was sent comes back in that term") {
  MemoryFiles files;
  KeptLines lines;
  const LogOptions options = sample_options(segment_size);
  {
    auto opened = open_data_directory(files, options, lines);
    REQUIRE(opened);
    Metadata voted = opened->metadata->current();
    voted.term = Term(3);
    voted.vote = NodeId(2);
    REQUIRE(opened->metadata->save(voted));
    REQUIRE(take(*opened->snapshots, at(20, 7)));
  }
  files.kill_process();
  const auto again = open_data_directory(files, options, lines);
  REQUIRE(again);
  CHECK((again->metadata->current().term == Term(7)));
  CHECK((again->metadata->current().vote == NodeId()));
}

TEST_CASE("a log that begins behind the newest readable snapshot is damaged") {
  MemoryFiles files;
  KeptLines lines;
  Life life;
  const LogOptions options = sample_options(segment_size);
  {
    auto opened = open_data_directory(files, options, lines);
    REQUIRE(opened);
    REQUIRE(life.append(*opened->log, 1, 60, 1));
    REQUIRE(life.snap(files, *opened, at(30, 1)));
    REQUIRE(life.snap(files, *opened, at(50, 1)));
  }
  REQUIRE(files.remove("data/snapshot-00000000000000000030.snap"));
  REQUIRE(files.remove("data/snapshot-00000000000000000050.snap"));
  const auto opened = open_data_directory(files, options, lines);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::damaged);
}

TEST_CASE("a log that lost what the snapshot holds begins anew behind it") {
  MemoryFiles files;
  KeptLines lines;
  Life life;
  const LogOptions options = sample_options(segment_size);
  {
    auto opened = open_data_directory(files, options, lines);
    REQUIRE(opened);
    REQUIRE(life.append(*opened->log, 1, 20, 1));
    REQUIRE(take(*opened->snapshots, at(15, 2)));  // another entry than the log's
  }
  auto opened = open_data_directory(files, options, lines);
  REQUIRE(opened);
  CHECK((opened->log->recovered().base == at(15, 2)));
  CHECK(opened->log->last_index() == LogIndex(15));
  CHECK(lines.has("begins anew"));
  REQUIRE(life.append(*opened->log, 16, 18, 2));
  opened = {};
  opened = open_data_directory(files, options, lines);
  REQUIRE(opened);
  CHECK(opened->log->last_index() == LogIndex(18));
}

TEST_CASE("a log that begins anew in a segment of its own, as the last one is full, opens again") {
  MemoryFiles files;
  KeptLines lines;
  const std::vector<Entry> entries = sample_entries(1, 1, 1, payload);
  const auto full = static_cast<std::uint32_t>(segment_head_size + record_size(entries.front().body.size()));
  const LogOptions options = sample_options(full);
  {
    auto opened = open_data_directory(files, options, lines);
    REQUIRE(opened);
    REQUIRE(opened->log->append(entries, {}));
    REQUIRE(take(*opened->snapshots, at(15, 2)));
  }
  for (int start = 0; start < 3; ++start) {
    const auto opened = open_data_directory(files, options, lines);
    REQUIRE_MESSAGE(opened, opened.error().text);
    CHECK((opened->log->recovered().base == at(15, 2)));
    CHECK(opened->log->last_index() == LogIndex(15));
    files.kill_process();
  }
}

TEST_CASE("whatever call the power is lost in, all that was synced is found again") {
  const LogOptions options = sample_options(segment_size);
  std::uint64_t calls = 0;
  {
    MemoryFiles files;
    KeptLines lines;
    Life life;
    REQUIRE(life.live(files, options, lines));
    CHECK((life.last == at(230, 3)));
    calls = files.calls();
    files.kill_process();
    check_reopened(files, options, lines, life);
  }
  for (std::uint64_t call = 10; call < calls; ++call) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      MemoryFiles files;
      KeptLines lines;
      Life life;
      files.stop_at(call);
      CHECK_FALSE(life.live(files, options, lines));
      files.lose_power(seed == 0 ? keep_nothing() : seed == 1 ? keep_everything() : choose_by_seed(call));
      INFO("call " << call << ", seed " << seed);
      check_reopened(files, options, lines, life);
    }
  }
}
