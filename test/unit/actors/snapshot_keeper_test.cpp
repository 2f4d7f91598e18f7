#include "actors/snapshot_keeper.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <variant>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"

namespace strata::actors {
namespace {

constexpr EntryId last_included{LogIndex(7), Term(1)};
const std::string path = "data/snapshot-00000000000000000007.snap";

struct Harness {
  Harness() {
    REQUIRE(files.make_directory("data"));
    auto opened = wal::SnapshotStore::open(files, test::sample_options(16384), lines);
    REQUIRE(opened);
    keeper = std::make_unique<SnapshotKeeper>(std::move(*opened), lines, mailbox, front_end, raft, [](const Error&) {});
    boost::asio::co_spawn(context, keeper->run(), boost::asio::detached);
    take_snapshot();
  }
  ~Harness() {
    mailbox.close();
    run();
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  void run() {
    context.restart();
    context.poll();
  }
  void take_snapshot() {
    mailbox.post_owed(CapturedPiece{last_included, Bytes(1000, 'x'), true, true}, 0);
    run();
    front_end.take();
    raft.take();
  }
  // How many bytes of the snapshot are read for a follower.
  std::size_t read() {
    mailbox.post_owed(raft::ReadSnapshot{NodeId(2), last_included, 0, 4096}, 0);
    run();
    std::size_t bytes = 0;
    for (RaftMessage& told : raft.take()) {
      bytes = std::get<raft::SnapshotRead>(told).data.size();
    }
    return bytes;
  }
  std::size_t wanted() {
    std::size_t count = 0;
    for (FrontEndMessage& told : front_end.take()) {
      count += std::holds_alternative<SnapshotWanted>(told) ? 1u : 0u;
    }
    return count;
  }

  boost::asio::io_context context{1};
  test::MemoryFiles files;
  test::KeptLines lines;
  SnapshotMailbox mailbox{context.get_executor(), {}};
  FrontEndMailbox front_end{context.get_executor(), {}};
  RaftMailbox raft{context.get_executor(), {}};
  std::unique_ptr<SnapshotKeeper> keeper;
};

TEST_CASE("a snapshot that has decayed when a follower needs it is taken anew, and then sent") {
  Harness harness;
  CHECK(harness.read() == 1000);
  CHECK(harness.wanted() == 0);
  Bytes content = harness.files.content(path);
  content[content.size() / 2] ^= 1;
  harness.files.set_content(path, content);
  CHECK(harness.read() == 0);
  CHECK(harness.read() == 0);
  CHECK(harness.wanted() == 1);
  harness.take_snapshot();
  CHECK(harness.read() == 1000);
  CHECK(harness.files.exists(path));
}

}  // namespace
}  // namespace strata::actors
