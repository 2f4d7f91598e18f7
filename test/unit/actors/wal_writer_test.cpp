#include "actors/wal_writer.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"

namespace strata::actors {
namespace {

using strata::test::FileCall;
using strata::test::FileOperation;
using strata::test::KeptLines;
using strata::test::MemoryFiles;
using strata::test::sample_entries;

constexpr std::uint64_t segment_size = 16384;
constexpr std::size_t entry_size = 1000;  // eleven to a segment

struct Harness {
  explicit Harness(Durability ack_level = Durability::synced)
      : ack(ack_level), directory(open()), writer(make_writer()) {
    boost::asio::co_spawn(context, writer.run(), boost::asio::detached);
    run();
  }
  ~Harness() {
    mailbox.close();
    run();
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  wal::DataDirectory open() {
    auto opened = wal::open_data_directory(files, options, lines);
    REQUIRE(opened);
    return std::move(*opened);
  }
  WalWriter make_writer() {
    return WalWriter(std::move(directory.log), std::move(directory.metadata), segment_size, ack, mailbox, raft, fsync,
                     allocator, [this](const Error&) { ++failures; });
  }
  template <class Message>
  void post(Message message) {
    mailbox.post_owed(std::move(message), 0);
    run();
  }
  void append(std::uint64_t id, std::uint64_t first, std::uint64_t last) {
    post(AppendEntriesToLog{{raft::WriteId(id), sample_entries(first, last, 1, entry_size), false}, {}});
  }
  // The disk refuses every call of that kind from now on; nothing: it is well again.
  void refuse(std::optional<FileOperation> operation, ErrorKind kind = ErrorKind::no_space) {
    files.set_fault([=](const FileCall& call) {
      return operation == call.operation ? std::optional(Error{kind, "refused"}) : std::nullopt;
    });
  }
  // The segment allocator's part.
  void give_spare() {
    for (AllocatorMessage& message : allocator.take()) {
      auto spare = wal::prepare_segment(files, options, std::get<PrepareSpare>(message).sequence);
      REQUIRE(spare);
      post(SpareReady{std::move(*spare)});
    }
  }
  void remove_released() {
    for (const AllocatorMessage& message : allocator.take()) {
      if (const auto* released = std::get_if<RemoveSegments>(&message)) {
        REQUIRE(wal::remove_segments(files, options.directory, released->paths));
      }
    }
  }
  void run() {
    context.restart();
    context.poll();
    for (FsyncMessage& message : fsync.take()) {
      written.push_back(std::get<Written>(message).id.value);
    }
    for (RaftMessage& message : raft.take()) {
      if (const auto* space = std::get_if<raft::DiskSpace>(&message)) {
        full = space->full;
        ++told;
      } else if (const auto* up_to = std::get_if<WrittenUpTo>(&message)) {
        reported_written.push_back(up_to->id.value);
      } else if (const auto* synced = std::get_if<SyncedUpTo>(&message)) {
        reported_synced.push_back(synced->id.value);
      } else if (const auto* recorded = std::get_if<raft::Recorded>(&message)) {
        record = recorded->id;
      } else {
        saved = std::get<raft::HardStateSaved>(message).hard_state.term;
      }
    }
  }
  bool has_segment(int number) const { return files.exists("data/wal-000000000" + std::to_string(number) + ".log"); }

  Durability ack;
  boost::asio::io_context context{1};
  MemoryFiles files;
  KeptLines lines;
  wal::LogOptions options = strata::test::sample_options(segment_size);
  WalMailbox mailbox{context.get_executor(), {}};
  RaftMailbox raft{context.get_executor(), {}};
  FsyncMailbox fsync{context.get_executor(), {}};
  AllocatorMailbox allocator{context.get_executor(), {}};
  wal::DataDirectory directory;
  int failures = 0;
  std::vector<std::uint64_t> written;
  std::vector<std::uint64_t> reported_written;  // to Raft
  std::vector<std::uint64_t> reported_synced;
  bool full = false;
  int told = 0;  // whether it is
  Term saved;
  raft::RecordId record;
  WalWriter writer;
};

using Ids = std::vector<std::uint64_t>;

TEST_CASE("at written, Raft is told what is written as soon as it is; at synced the fsync timer tells it") {
  for (const Durability ack : {Durability::written, Durability::synced}) {
    Harness disk(ack);
    disk.append(1, 1, 2);
    disk.append(2, 3, 3);
    CHECK(disk.written == Ids{1, 2});
    CHECK(disk.reported_written == (ack == Durability::written ? Ids{1, 2} : Ids{}));
  }
}

TEST_CASE(
    "a segment that is begun says that all before it is synced: however rarely that is done, no more is ever owed") {
  Harness disk;
  disk.append(1, 1, 2);
  disk.append(2, 3, 8);
  CHECK(disk.reported_synced.empty());
  disk.give_spare();
  disk.append(3, 9, 20);
  REQUIRE(disk.has_segment(2));
  CHECK(disk.reported_synced == Ids{2});
}

TEST_CASE("what finds no room waits, in order, and is written when there is some; term and vote do not wait") {
  Harness disk;
  disk.append(1, 1, 5);
  disk.refuse(FileOperation::create);
  disk.append(2, 6, 20);
  disk.append(3, 21, 21);  // this one alone would have room
  CHECK(disk.written == Ids{1});
  CHECK(disk.full);
  disk.post(SaveState{raft::HardState{Term(7), NodeId(1)}, std::nullopt});
  CHECK(disk.saved == Term(7));
  disk.post(TryDiskAgain());
  CHECK(disk.written == Ids{1});
  disk.refuse(std::nullopt);
  disk.post(TryDiskAgain());
  CHECK(disk.written == Ids{1, 2, 3});
  disk.give_spare();
  CHECK_FALSE(disk.full);
  CHECK(disk.told == 2);
  CHECK(disk.failures == 0);
}

// A vote without the table, or the table without the vote, would be a member that never was.
TEST_CASE("what ends a rejoin is one save: both are there, or neither") {
  const KnownMember other{NodeId(2), {5, Incarnation(6), 7}, Term(8)};
  const raft::Record record{raft::RecordId(3), {other}, Admission::member};
  for (const bool fails : {false, true}) {
    Harness disk;
    if (fails) {
      disk.refuse(FileOperation::sync, ErrorKind::io);
    }
    disk.post(SaveState{raft::HardState{Term(8), NodeId(1)}, record});
    CHECK(disk.saved == (fails ? Term() : Term(8)));
    CHECK(disk.record == (fails ? raft::RecordId() : raft::RecordId(3)));
    disk.refuse(std::nullopt);
    disk.files.lose_power(test::keep_nothing());
    const auto file = wal::MetadataFile::open(disk.files, "data", {});
    REQUIRE(file);
    const wal::Metadata& found = (*file)->current();
    CHECK((found.term == Term(8)) == !fails);
    CHECK((found.members == std::vector{other}) == !fails);
    CHECK((found.admission == Admission::member) == !fails);
  }
}

TEST_CASE("a full disk is known when no spare can be made, and has room again when one could") {
  Harness disk;
  disk.append(1, 1, 8);  // more than half of the segment
  REQUIRE_FALSE(disk.allocator.take().empty());
  disk.post(SpareReady{nullptr, true});
  CHECK(disk.full);
  disk.append(2, 9, 10);
  CHECK(disk.written == Ids{1, 2});  // there is room in this segment
  CHECK(disk.allocator.take().empty());
  disk.post(TryDiskAgain());
  CHECK(disk.full);  // nobody has said otherwise
  disk.give_spare();
  CHECK_FALSE(disk.full);
  CHECK(disk.told == 2);
}

TEST_CASE("what gives room back does not wait for room") {
  Harness disk;
  disk.append(1, 1, 40);
  REQUIRE(disk.has_segment(1));
  disk.refuse(FileOperation::create);
  disk.append(2, 41, 60);
  CHECK(disk.full);
  disk.post(ReleaseLog{LogIndex(30)});
  disk.remove_released();
  CHECK_FALSE(disk.has_segment(1));
  CHECK(disk.has_segment(3));
  disk.refuse(std::nullopt);
  disk.post(TryDiskAgain());
  CHECK(disk.written == Ids{1, 2});
}

TEST_CASE("after a failed write nothing more is written or reported, term and vote included") {
  for (const ErrorKind kind : {ErrorKind::io, ErrorKind::no_space}) {  // the segment is there: no room is no excuse
    Harness disk;
    disk.refuse(FileOperation::write, kind);
    disk.append(1, 1, 2);
    CHECK(disk.failures == 1);
    disk.refuse(std::nullopt);
    disk.append(2, 3, 4);
    disk.post(SaveState{raft::HardState{Term(7), NodeId(1)}, std::nullopt});
    disk.post(TryDiskAgain());
    CHECK(disk.written.empty());
    CHECK(disk.saved == Term(0));
    CHECK(disk.told == 0);
    CHECK(disk.failures == 1);
  }
}

}  // namespace
}  // namespace strata::actors
