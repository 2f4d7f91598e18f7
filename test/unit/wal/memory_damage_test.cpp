// Disks that are full, lie or rot.
#include "support/memory_files.hpp"
#include "support/synced_file.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

using namespace strata;
using namespace strata::test;

namespace {

constexpr const char* path = "d/f";

std::size_t differences(const Bytes& one, const Bytes& other) {
  REQUIRE(one.size() == other.size());
  std::size_t count = 0;
  for (std::size_t at = 0; at < one.size(); ++at) {
    count += one[at] == other[at] ? std::size_t{0} : std::size_t{1};
  }
  return count;
}

}  // namespace

TEST_CASE("on a full disk a file takes what it has room for, and does not grow") {
  MemoryFiles files;
  const auto file = make_file(files, path, "0123456789");
  files.set_full(true);
  const auto inside = file->write_at(8, "abcd");
  REQUIRE(inside);
  CHECK(*inside == 2);
  const auto behind = file->write_at(10, "x");
  REQUIRE_FALSE(behind);
  CHECK(behind.error().kind == ErrorKind::no_space);
  CHECK(files.content(path) == "01234567ab");
  files.set_full(false);
  CHECK(file->write_at(10, "x"));
}

TEST_CASE("a garbled sector keeps what was synced in it and was not to change") {
  const Bytes old(sector_size / 2, 'a');
  const Bytes written(sector_size / 2, 'b');
  std::size_t garbled = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    MemoryFiles files;
    const auto file = make_file(files, path, old + old);
    REQUIRE(file->write_at(sector_size / 2, written));
    files.lose_power(choose_by_seed(seed), true);
    const Bytes content = files.content(path);
    REQUIRE(content.size() == sector_size);
    CHECK(content.substr(0, sector_size / 2) == old);
    const Bytes rest = content.substr(sector_size / 2);
    if (rest != old && rest != written) {
      ++garbled;
    }
  }
  CHECK(garbled > 5);
}

TEST_CASE("after a failed sync that forgets, the next one succeeds, and what is seen is not on the disk") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(sector_size, 'o'));
  REQUIRE(file->write_at(0, Bytes(sector_size, 'n')));
  files.set_fault([](const FileCall& call) {
    return call.operation == FileOperation::sync ? std::optional(Error{ErrorKind::io, "fails"}) : std::nullopt;
  });
  files.forget_at_failed_sync();
  CHECK_FALSE(file->sync());
  files.set_fault(nullptr);
  files.kill_process();
  const auto again = files.open(path);
  REQUIRE(again);
  CHECK((*again)->sync());
  CHECK(files.content(path) == Bytes(sector_size, 'n'));
  files.lose_power(keep_everything());
  CHECK(files.content(path) == Bytes(sector_size, 'o'));
}

TEST_CASE("a sync that fails and does not forget leaves all to the next one") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(sector_size, 'o'));
  REQUIRE(file->write_at(0, Bytes(sector_size, 'n')));
  files.set_fault([](const FileCall& call) {
    return call.operation == FileOperation::sync ? std::optional(Error{ErrorKind::io, "fails"}) : std::nullopt;
  });
  CHECK_FALSE(file->sync());
  files.set_fault(nullptr);
  files.kill_process();
  const auto again = files.open(path);
  REQUIRE(again);
  CHECK((*again)->sync());
  files.lose_power(keep_nothing());
  CHECK(files.content(path) == Bytes(sector_size, 'n'));
}

TEST_CASE("a lost write is seen until the power is lost, and one sector is as it was then") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(3 * sector_size, 'o'));
  const Bytes written(3 * sector_size, 'n');
  files.spoil_next_sync(Spoiling::lost, [](std::size_t) { return std::size_t{1}; });
  REQUIRE(file->write_at(0, written));
  REQUIRE(file->sync());
  CHECK(files.content(path) == written);
  files.lose_power(keep_everything());
  CHECK(files.content(path) == Bytes(sector_size, 'n') + Bytes(sector_size, 'o') + Bytes(sector_size, 'n'));
}

TEST_CASE("only one sync is spoilt") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(sector_size, 'o'));
  files.spoil_next_sync(Spoiling::lost, keep_nothing());
  REQUIRE(file->sync());  // has nothing to do
  REQUIRE(file->write_at(0, Bytes(sector_size, 'a')));
  REQUIRE(file->sync());
  REQUIRE(file->write_at(0, Bytes(sector_size, 'b')));
  REQUIRE(file->sync());
  files.lose_power(keep_nothing());
  CHECK(files.content(path) == Bytes(sector_size, 'b'));
}

TEST_CASE("a misdirected write stands where it should not, and not where it should") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(3 * sector_size, 'o'));
  // Of the one sector that is written the first and only; of the places the third.
  files.spoil_next_sync(Spoiling::misdirected, [](std::size_t count) { return count - 1; });
  REQUIRE(file->write_at(0, Bytes(sector_size, 'n')));
  REQUIRE(file->sync());
  files.lose_power(keep_nothing());
  CHECK(files.content(path) == Bytes(2 * sector_size, 'o') + Bytes(sector_size, 'n'));
}

TEST_CASE("what is written again is not spoilt any more, and what may not be spoilt is not") {
  MemoryFiles files;
  const auto file = make_file(files, path, Bytes(2 * sector_size, 'o'));
  const Bytes written(2 * sector_size, 'n');
  files.spoil_next_sync(Spoiling::lost, [](std::size_t) { return std::size_t{1}; });
  REQUIRE(file->write_at(0, written));
  REQUIRE(file->sync());
  SUBCASE("written again") {
    REQUIRE(file->write_at(sector_size + 1, "n"));
    REQUIRE(file->sync());
  }
  SUBCASE("protected") {
    const bool some_left = files.limit_spoilt([](const std::string& of, std::uint64_t end) {
      CHECK(of == path);
      return end != 2 * sector_size;
    });
    CHECK_FALSE(some_left);
  }
  files.lose_power(keep_nothing());
  CHECK(files.content(path) == written);
  CHECK_FALSE(files.has_decayed());
}

TEST_CASE("rot flips one bit of what was synced, for the process and for good") {
  MemoryFiles files;
  const Bytes whole(sector_size, 'o');
  const auto file = make_file(files, path, whole);
  CHECK_FALSE(files.has_decayed());
  files.rot(path, 7, 3);
  const Bytes rotten = files.content(path);
  CHECK(differences(rotten, whole) == 1);
  CHECK(rotten[7] == ('o' ^ 8));
  CHECK(files.has_decayed(path, 7, 8));
  CHECK_FALSE(files.has_decayed(path, 8, sector_size));
  files.lose_power(keep_nothing());
  CHECK(files.content(path) == rotten);
}

TEST_CASE("a replaced disk is empty, an old one holds what it held") {
  MemoryFiles files;
  make_file(files, path, "old");
  const auto backup = files.copy();
  make_file(files, path, "new");
  files.kill_process();
  files.become(*backup);
  CHECK(files.content(path) == "old");
  files.replace();
  CHECK_FALSE(files.exists(path));
  CHECK_FALSE(files.open(path));
  make_file(files, path, "another");
  CHECK(files.content(path) == "another");
}
