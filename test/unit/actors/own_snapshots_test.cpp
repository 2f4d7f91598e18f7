// When the front end takes a snapshot of its own.
#include <doctest/doctest.h>

#include "front_end_harness.hpp"

namespace strata::actors {
namespace {

using test::FrontEndHarness;

constexpr std::size_t bound = 1000;  // bytes of log

FrontEndOptions with_bound(std::size_t between = 0, std::size_t replayed = 0) {
  FrontEndOptions options;
  options.snapshot_log_size = bound;
  options.bytes_between_snapshots = between;
  options.replayed_bytes = replayed;
  return options;
}

// One entry is so many bytes, and has the index that follows.
struct Fixture : FrontEndHarness {
  explicit Fixture(const FrontEndOptions& options = with_bound()) : FrontEndHarness(options) {}

  void commit_bytes(std::size_t bytes) {
    const std::size_t rest = bytes - make(0).body.size();
    last = last.next();
    post(Committed{{make(rest)}, LogIndex()});
  }
  Entry make(std::size_t value_size) const {
    return make_entry(EntryType::command, Term(1), last, kv::encode_command({"k", Bytes(value_size, 'v')}));
  }
  // The entry up to which a snapshot that begins now reaches, if one does.
  std::optional<LogIndex> begun() {
    std::optional<LogIndex> index;
    for (SnapshotMessage& message : snapshots.take()) {
      if (const auto* piece = std::get_if<CapturedPiece>(&message); piece != nullptr && piece->first) {
        CHECK(piece->last);
        index = piece->last_included.index;
      }
    }
    return index;
  }
  void stored() { post(PieceStored()); }

  LogIndex last;
};

TEST_CASE_FIXTURE(Fixture, "a snapshot begins when half of the log's bound has been applied since the one before") {
  commit_bytes(499);
  CHECK_FALSE(begun());
  commit_bytes(60);
  CHECK((begun() == LogIndex(2)));
  stored();
  commit_bytes(440);
  CHECK_FALSE(begun());
  commit_bytes(60);
  CHECK((begun() == LogIndex(4)));
}

TEST_CASE_FIXTURE(Fixture, "the log of a large batch goes with the next entry: two snapshots must be behind it") {
  commit_bytes(5000);
  CHECK((begun() == LogIndex(1)));
  stored();
  CHECK_FALSE(begun());
  commit_bytes(60);
  CHECK((begun() == LogIndex(2)));
  stored();
  commit_bytes(60);
  CHECK_FALSE(begun());
}

TEST_CASE_FIXTURE(Fixture, "one that is wanted begins at once, though nothing was applied since the one before") {
  commit_bytes(560);
  CHECK((begun() == LogIndex(1)));
  post(SnapshotWanted());
  CHECK_FALSE(begun());  // one at a time
  stored();
  CHECK((begun() == LogIndex(1)));
  stored();
  CHECK_FALSE(begun());
}

TEST_CASE("what lay between the snapshots and behind them at the start counts as if it had been applied since") {
  const auto begins_with_next = [](std::size_t between, std::size_t replayed) {
    Fixture started(with_bound(between, replayed));
    started.commit_bytes(60);
    return started.begun().has_value();
  };
  CHECK(begins_with_next(5000, 0));
  CHECK(begins_with_next(600, 400));
  CHECK(begins_with_next(0, 500));
  CHECK_FALSE(begins_with_next(500, 400));
}

TEST_CASE_FIXTURE(Fixture, "what is applied while a snapshot is stored counts for the next one") {
  commit_bytes(500);
  CHECK((begun() == LogIndex(1)));
  commit_bytes(500);
  CHECK_FALSE(begun());
  stored();
  CHECK((begun() == LogIndex(2)));
}

TEST_CASE_FIXTURE(Fixture, "a snapshot that cannot be stored is not tried again before as much has been applied") {
  commit_bytes(5000);
  CHECK((begun() == LogIndex(1)));
  post(CaptureFailed());
  commit_bytes(60);
  CHECK_FALSE(begun());
  commit_bytes(440);
  CHECK((begun() == LogIndex(3)));
}

FrontEndOptions with_small_pieces() {
  FrontEndOptions options = with_bound();
  options.snapshot_piece_size = 1;
  return options;
}

// A snapshot of many keys has begun; it comes in many pieces.
struct InPieces : Fixture {
  InPieces() : Fixture(with_small_pieces()) {
    for (int key = 0; key < 20; ++key) {
      last = last.next();
      commit(last, std::to_string(key), "v");
    }
    REQUIRE(pieces() == 1);
  }
  std::size_t pieces() {
    std::size_t count = 0;
    for (const SnapshotMessage& message : snapshots.take()) {
      if (std::holds_alternative<CapturedPiece>(message)) {
        ++count;
      }
    }
    return count;
  }
  void stored_after(Duration time) {
    advance(time);
    stored();
  }
};

TEST_CASE_FIXTURE(InPieces, "between two pieces a capture rests for three times as long as the one before took") {
  stored_after(std::chrono::milliseconds(2));
  CHECK(pieces() == 0);
  advance(std::chrono::milliseconds(5));
  CHECK(pieces() == 0);
  advance(std::chrono::milliseconds(1));
  CHECK(pieces() == 1);
  stored_after(std::chrono::milliseconds(1));
  advance(std::chrono::milliseconds(3));
  CHECK(pieces() == 1);
}

TEST_CASE_FIXTURE(InPieces, "however long a piece took, a capture rests for no longer than 20 ms") {
  stored_after(std::chrono::seconds(3));
  advance(std::chrono::milliseconds(19));
  CHECK(pieces() == 0);
  advance(std::chrono::milliseconds(1));
  CHECK(pieces() == 1);
}

TEST_CASE_FIXTURE(InPieces, "a capture that the log overtakes does not rest") {
  commit_bytes(bound);
  commit_bytes(bound);
  stored_after(std::chrono::milliseconds(50));
  advance(std::chrono::milliseconds(0));
  CHECK(pieces() == 1);
}

TEST_CASE_FIXTURE(InPieces,
                  "a capture that rests when another state is installed is given up, and the next one begins") {
  stored_after(std::chrono::milliseconds(2));
  auto state = std::make_unique<kv::StateMachine>(kv::Dictionary(), kv::Sessions(), LogIndex(100), 1);
  post(InstallState{std::move(state), Term(1)});
  advance(std::chrono::milliseconds(100));
  last = LogIndex(100);
  CHECK_FALSE(begun());
  commit_bytes(bound);
  CHECK(pieces() == 1);
}

}  // namespace
}  // namespace strata::actors
