#include "support/memory_files.hpp"
#include "support/synced_file.hpp"

#include <doctest/doctest.h>

using namespace strata;
using namespace strata::test;

TEST_CASE("a loss of power drops unsynced sectors one by one and keeps synced ones") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", Bytes(3 * sector_size, 'o'));
  REQUIRE(file->write_at(0, Bytes(3 * sector_size, 'n')));
  CHECK(files.undecided() == 3);
  std::size_t asked = 0;
  files.lose_power([&](std::size_t count) {
    CHECK(count == 2);
    return asked++ == 1 ? 1 : 0;
  });
  CHECK(files.content("d/a") == Bytes(sector_size, 'o') + Bytes(sector_size, 'n') + Bytes(sector_size, 'o'));
  CHECK_FALSE(file->sync());
}

TEST_CASE("a sector that was written twice may survive as any of its versions") {
  for (std::size_t version = 0; version < 3; ++version) {
    MemoryFiles files;
    const auto file = make_file(files, "d/a", "0");
    REQUIRE(file->write_at(0, "1"));
    REQUIRE(file->write_at(0, "2"));
    files.lose_power([&](std::size_t) { return version; });
    CHECK(files.content("d/a") == std::to_string(version));
  }
}

TEST_CASE("the death of the process loses nothing that was written") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", "0");
  REQUIRE(file->write_at(0, "1"));
  files.kill_process();
  CHECK(files.content("d/a") == "1");
  CHECK_FALSE(file->write_at(0, "2"));
}

TEST_CASE("names last only when their directory was synced") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", "0");
  REQUIRE(files.rename("d/a", "d/b"));
  files.lose_power(keep_nothing());
  CHECK(files.exists("d/a"));
  CHECK_FALSE(files.exists("d/b"));
  REQUIRE(files.rename("d/a", "d/b"));
  REQUIRE(files.sync_directory("d"));
  files.lose_power(keep_nothing());
  CHECK_FALSE(files.exists("d/a"));
  CHECK(files.content("d/b") == "0");
}

TEST_CASE("writes are as short as they are told to be, and the machine stops at the call that was named") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", "");
  files.set_most_written(2);
  CHECK(*file->write_at(0, "abc") == 2);
  files.stop_at(files.calls() + 1);
  CHECK(file->write_at(2, "c"));
  CHECK_FALSE(file->write_at(3, "d"));
  CHECK_FALSE(file->sync());
  files.kill_process();
  CHECK(files.content("d/a") == "abc");
}

TEST_CASE("a file whose sync has failed cannot be synced any more") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", "0");
  REQUIRE(file->write_at(0, "1"));
  files.set_fault([](const FileCall& call) {
    return call.operation == FileOperation::sync ? std::optional(Error{ErrorKind::io, "no"}) : std::nullopt;
  });
  CHECK_FALSE(file->sync());
  files.set_fault(nullptr);
  CHECK_FALSE(file->sync());
  files.lose_power(keep_nothing());
  CHECK(files.content("d/a") == "0");
}

TEST_CASE("a lock is free again after the death of the process that held it") {
  MemoryFiles files;
  auto lock = files.lock("d/lock");
  REQUIRE(lock);
  CHECK(files.lock("d/lock").error().kind == ErrorKind::in_use);
  files.kill_process();
  auto other = files.lock("d/lock");
  REQUIRE(other);
  lock->reset();
  CHECK_FALSE(files.lock("d/lock"));
  CHECK(files.look_at_lock("d/lock").error().kind == ErrorKind::in_use);
  other->reset();
  CHECK(files.look_at_lock("d/lock"));
  CHECK(files.lock("d/lock"));
}

TEST_CASE("what is opened for reading is not written") {
  MemoryFiles files;
  const auto file = make_file(files, "d/a", "abc");
  const auto reader = files.open_to_read("d/a");
  REQUIRE(reader);
  CHECK_FALSE((*reader)->write_at(0, "x"));
  CHECK(files.content("d/a") == "abc");
  CHECK(files.open_to_read("d/b").error().kind == ErrorKind::not_found);
}
