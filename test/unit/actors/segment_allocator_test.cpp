#include "actors/segment_allocator.hpp"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"

namespace strata::actors {
namespace {

using strata::test::FileCall;
using strata::test::FileOperation;

struct Harness {
  Harness() {
    REQUIRE(files.make_directory("data"));
    for (const char* path : {"data/1", "data/2", "data/3"}) {
      REQUIRE(files.create(path));
    }
    boost::asio::co_spawn(context, allocator.run(), boost::asio::detached);
    run();
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
  void prepare(std::uint32_t sequence) {
    mailbox.post_owed(PrepareSpare{sequence}, 0);
    run();
  }
  void remove(std::vector<std::string> paths) {
    mailbox.post_owed(RemoveSegments{std::move(paths)}, 0);
    run();
  }

  boost::asio::io_context context{1};
  test::MemoryFiles files;
  test::KeptLines lines;
  AllocatorMailbox mailbox{context.get_executor(), {}};
  WalMailbox wal{context.get_executor(), {}};
  int failures = 0;
  SegmentAllocator allocator{files, test::sample_options(16384),         lines, mailbox,
                             wal,   [this](const Error&) { ++failures; }};
};

TEST_CASE("behind a segment that could not be removed none is: the log would have a hole") {
  Harness harness;
  bool refused = false;
  harness.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
    if (call.operation != FileOperation::rename || refused) {
      return std::nullopt;
    }
    refused = true;
    return Error{ErrorKind::io, "refused"};
  });
  harness.remove({"data/1", "data/2"});
  harness.remove({"data/3"});
  CHECK(harness.failures == 1);
  for (const char* path : {"data/1", "data/2", "data/3"}) {
    CHECK(harness.files.exists(path));
  }
}

TEST_CASE("a disk that fails while a segment is prepared has failed, and is not tried again") {
  Harness harness;
  int calls = 0;
  harness.files.set_fault([&](const FileCall& call) -> std::optional<Error> {
    if (call.operation != FileOperation::sync) {
      return std::nullopt;
    }
    ++calls;
    return Error{ErrorKind::io, "refused"};
  });
  harness.prepare(2);
  harness.prepare(2);
  CHECK(harness.failures == 1);
  CHECK(calls == 1);
  CHECK_FALSE(harness.lines.has("could not be prepared ahead"));
}

TEST_CASE("a segment for which a right is missing is left to the writer") {
  Harness harness;
  harness.files.set_fault([&](const FileCall& call) {
    const bool refused = call.operation == FileOperation::create;
    return refused ? std::optional(Error{ErrorKind::unavailable, "refused"}) : std::nullopt;
  });
  harness.prepare(2);
  CHECK(harness.failures == 0);
  CHECK(harness.lines.has("log segment 2 could not be prepared ahead: refused"));
}

TEST_CASE("what was released goes, the oldest first") {
  Harness harness;
  harness.remove({"data/1", "data/2"});
  CHECK_FALSE(harness.files.exists("data/1"));
  CHECK_FALSE(harness.files.exists("data/2"));
  CHECK(harness.files.exists("data/3"));
  CHECK(harness.failures == 0);
}

}  // namespace
}  // namespace strata::actors
