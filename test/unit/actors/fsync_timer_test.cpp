#include "actors/fsync_timer.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "manual_ports.hpp"

namespace strata::actors {
namespace {

using namespace std::chrono_literals;

struct CountedFile final : wal::File {
  int syncs = 0;
  bool fails = false;
  Result<std::size_t> write_at(std::uint64_t, BytesView bytes) override { return bytes.size(); }
  Result<std::size_t> read_at(std::uint64_t, std::span<char>) override { return std::size_t{0}; }
  Result<void> sync() override {
    ++syncs;
    if (fails) {
      return Error{ErrorKind::io, "the disk is broken"};
    }
    return {};
  }
  Result<std::uint64_t> size() override { return std::uint64_t{0}; }
};

struct Harness {
  explicit Harness(Duration interval, Durability ack = Durability::synced)
      : timer(interval, ack, clock, mailbox, raft, [this](const Error&) { ++failures; }, [this] { ++clean_ends; }) {
    boost::asio::co_spawn(context, timer.run(), boost::asio::detached);
    run();
  }
  ~Harness() { end(); }
  void end() {
    mailbox.close();
    run();
  }
  void run() {
    context.restart();
    context.poll();
  }
  void written(std::uint64_t id) {
    mailbox.post_owed(Written{raft::WriteId(id), {file, {1, static_cast<std::uint32_t>(id)}}}, 0);
  }
  void written_in_haste(std::uint64_t id) {
    mailbox.post_owed(Written{raft::WriteId(id), {file, {1, static_cast<std::uint32_t>(id)}}, true}, 0);
  }
  std::vector<std::uint64_t> synced() {
    std::vector<std::uint64_t> ids;
    for (RaftMessage& message : raft.take()) {
      if (const auto* synced = std::get_if<SyncedUpTo>(&message)) {
        ids.push_back(synced->id.value);
      } else if (const auto* begun = std::get_if<raft::SyncBegun>(&message)) {
        syncs_begun.push_back(begun->id.value);
      } else {
        reported_written.push_back(std::get<WrittenUpTo>(message).id.value);
      }
    }
    return ids;
  }

  boost::asio::io_context context{1};
  test::ManualClock clock;
  std::shared_ptr<CountedFile> file = std::make_shared<CountedFile>();
  FsyncMailbox mailbox{context.get_executor(), {}};
  RaftMailbox raft{context.get_executor(), {}};
  int failures = 0;
  int clean_ends = 0;
  std::vector<std::uint64_t> reported_written;
  std::vector<std::uint64_t> syncs_begun;
  FsyncTimer timer;
};

TEST_CASE("with no interval, all writes that are there share one sync") {
  Harness disk(0ms);
  disk.written(1);
  disk.written(2);
  disk.written(3);
  disk.run();
  CHECK(disk.file->syncs == 1);
  CHECK(disk.synced() == std::vector<std::uint64_t>{3});
}

TEST_CASE("with an interval, the sync begins that long after the first write, not after the last") {
  Harness disk(10ms);
  disk.written(1);
  disk.run();
  disk.clock.advance(9ms);
  disk.written(2);
  disk.run();
  CHECK(disk.file->syncs == 0);
  disk.clock.advance(1ms);
  disk.run();
  CHECK(disk.file->syncs == 1);
  CHECK(disk.synced() == std::vector<std::uint64_t>{2});
  CHECK(disk.reported_written == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("the beginning of a sync is told when what it is for was reported as written, and it may hang") {
  for (const Duration interval : {Duration(0ms), Duration(10ms)}) {
    Harness disk(interval);
    disk.file->fails = true;  // nothing is told behind it
    disk.written(1);
    disk.run();
    disk.clock.advance(10ms);
    disk.run();
    CHECK(disk.synced().empty());
    CHECK(disk.syncs_begun.size() == (interval == Duration::zero() ? 0 : 1));
    CHECK(disk.reported_written.size() == disk.syncs_begun.size());
  }
}

TEST_CASE("at written, the WAL writer has told what is written, and each sync is told as it begins") {
  for (const Duration interval : {Duration(0ms), Duration(10ms)}) {
    Harness disk(interval, Durability::written);
    disk.written(1);
    disk.run();
    disk.clock.advance(10ms);
    disk.run();
    CHECK(disk.synced() == std::vector<std::uint64_t>{1});
    CHECK(disk.reported_written.empty());
    CHECK(disk.syncs_begun == std::vector<std::uint64_t>{1});
  }
}

TEST_CASE("nothing is synced when nothing was written") {
  Harness disk(10ms);
  disk.clock.advance(1s);
  disk.run();
  disk.end();
  CHECK(disk.file->syncs == 0);
}

TEST_CASE("the end syncs what was written, whatever the interval") {
  Harness disk(1h);
  disk.written(1);
  disk.run();
  disk.end();
  CHECK(disk.file->syncs == 1);
  CHECK(disk.synced() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a failed sync is reported, not counted as done, and never repeated") {
  Harness disk(0ms);
  disk.file->fails = true;
  disk.written(1);
  disk.run();
  disk.file->fails = false;
  disk.written(2);
  disk.run();
  disk.end();
  CHECK(disk.failures == 1);
  CHECK(disk.file->syncs == 1);
  CHECK(disk.synced().empty());
}

TEST_CASE("a new interval takes hold at once") {
  Harness disk(1h);
  disk.written(1);
  disk.run();
  disk.mailbox.post_owed(SetFsyncInterval{0ms}, 0);
  disk.run();
  CHECK(disk.file->syncs == 1);
}

TEST_CASE("what comes behind a new interval does not wait for the old one's end") {
  Harness disk(1h);
  disk.written(1);
  disk.run();
  disk.mailbox.post_owed(SetFsyncInterval{5ms}, 0);
  disk.run();
  CHECK(disk.file->syncs == 1);
  disk.written(2);
  disk.run();
  CHECK(disk.file->syncs == 1);
  disk.clock.advance(5ms);
  disk.run();
  CHECK(disk.file->syncs == 2);
}

TEST_CASE("what must be synced at once does not wait for the interval, and takes with it what waits") {
  Harness disk(1h);
  disk.written(1);
  disk.run();
  CHECK(disk.file->syncs == 0);
  disk.written_in_haste(2);
  disk.run();
  CHECK(disk.synced() == std::vector<std::uint64_t>{2});
  disk.written(3);
  disk.run();
  CHECK(disk.file->syncs == 1);
}

TEST_CASE("an end with everything synced is told, one after a failed sync is not") {
  Harness disk(1h);
  disk.written(1);
  SUBCASE("synced") {
    disk.end();
    CHECK(disk.clean_ends == 1);
  }
  SUBCASE("failed") {
    disk.file->fails = true;
    disk.end();
    CHECK(disk.clean_ends == 0);
  }
}

}  // namespace
}  // namespace strata::actors
