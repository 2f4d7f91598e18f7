#include "wal/metadata.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "base/checksum.hpp"
#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::size_t slot = 4096;
const std::string path = "data/metadata";

Metadata with_term(std::uint64_t term) {
  return Metadata{ClusterId(7), NodeId(2), Incarnation(3), Term(term), NodeId(static_cast<std::uint16_t>(term % 4))};
}

struct Bench {
  MemoryFiles files;

  Bench() { REQUIRE(files.make_directory("data")); }
  Result<std::unique_ptr<MetadataFile>> try_open() { return MetadataFile::open(files, "data", with_term(0)); }
  std::unique_ptr<MetadataFile> open() {
    auto file = try_open();
    if (!file) {
      FAIL(file.error().text);
    }
    return std::move(*file);
  }
};

}  // namespace

TEST_CASE("metadata is created once, durably, and saved metadata comes back after a loss of power") {
  Bench bench;
  CHECK(bench.open()->current() == with_term(0));
  bench.files.lose_power(keep_nothing());
  REQUIRE(bench.files.exists(path));
  for (std::uint64_t term = 1; term < 6; ++term) {
    const auto file = bench.open();
    CHECK(file->current() == with_term(term - 1));
    REQUIRE(file->save(with_term(term)));
    CHECK(file->current() == with_term(term));
    bench.files.lose_power(keep_nothing());
  }
}

TEST_CASE("several saves of one run are each durable") {
  Bench bench;
  for (std::uint64_t last = 1; last < 5; ++last) {
    {
      const auto file = bench.open();
      for (std::uint64_t term = 1; term <= last; ++term) {
        REQUIRE(file->save(with_term(term)));
      }
    }
    bench.files.lose_power(choose_by_seed(last));
    CHECK(bench.open()->current() == with_term(last));
  }
}

TEST_CASE("a save that is torn at any byte leaves the old metadata or the new") {
  for (const std::uint64_t saves : {1U, 2U}) {
    Bench bench;
    const auto file = bench.open();
    for (std::uint64_t term = 1; term < saves; ++term) {
      REQUIRE(file->save(with_term(term)));
    }
    const Bytes before = bench.files.content(path);
    std::uint64_t written_at = 0;
    bool seen = false;
    bench.files.set_fault([&](const FileCall& call) {
      if (call.operation == FileOperation::write && !seen) {
        seen = true;
        written_at = call.offset;
      }
      return std::nullopt;
    });
    REQUIRE(file->save(with_term(saves)));
    bench.files.set_fault(nullptr);
    const Bytes after = bench.files.content(path);
    for (std::size_t cut = 0; cut <= slot; ++cut) {
      Bytes torn = before;
      torn.replace(written_at, cut, after, written_at, cut);
      bench.files.set_content(path, torn);
      const Metadata found = bench.open()->current();
      const bool fine = found == with_term(saves - 1) || found == with_term(saves);
      if (!fine) {
        FAIL("cut at ", cut);
      }
    }
  }
}

TEST_CASE("either slot may decay after a save without the promise in it being lost") {
  Bench bench;
  {
    const auto file = bench.open();
    REQUIRE(file->save(with_term(4)));
    REQUIRE(file->save(with_term(5)));
  }
  const Bytes sound = bench.files.content(path);
  for (std::size_t at = 0; at < sound.size(); at += 5) {
    Bytes bad = sound;
    bad[at] ^= 4;
    bench.files.set_content(path, bad);
    if (bench.open()->current() != with_term(5)) {
      FAIL("byte ", at);
    }
  }
}

TEST_CASE("two bad slots are lost promises, and so is a file that is cut short") {
  Bench bench;
  REQUIRE(bench.open()->save(with_term(4)));
  Bytes bytes = bench.files.content(path);
  SUBCASE("a bit in each") {
    bytes[30] ^= 1;
    bytes[slot + 30] ^= 1;
  }
  SUBCASE("empty") {
    bytes.clear();
  }
  SUBCASE("half a slot") {
    bytes.resize(slot / 2);
  }
  bench.files.set_content(path, bytes);
  const auto file = bench.try_open();
  REQUIRE_FALSE(file);
  CHECK(file.error().kind == ErrorKind::damaged);
  CHECK(file.error().text.find("--rejoin") != std::string::npos);
}

TEST_CASE("a creation or a save that is interrupted at any call leaves old or new, never neither") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t stop = 0; stop < 12; ++stop) {
      Bench bench;
      const std::uint64_t before = bench.files.calls();
      bench.files.stop_at(before + stop);
      bool saved = false;
      if (auto file = bench.try_open()) {
        saved = static_cast<bool>((*file)->save(with_term(1)));
      }
      bench.files.lose_power(choose_by_seed(seed));
      const Metadata found = bench.open()->current();
      CAPTURE(stop);
      CHECK((found == with_term(1) || (!saved && found == with_term(0))));
    }
  }
}

TEST_CASE("a save that fails is an error") {
  Bench bench;
  const auto file = bench.open();
  for (const FileOperation operation : {FileOperation::write, FileOperation::sync}) {
    bench.files.set_fault([&](const FileCall& call) {
      return call.operation == operation ? std::optional(Error{ErrorKind::io, "broken"}) : std::nullopt;
    });
    CHECK_FALSE(file->save(with_term(1)));
  }
}

// The kernel goes on showing what the failed sync was for, and says at the next one that all is well.
TEST_CASE("what a failed sync has lost of the metadata is on the disk again once the file has been opened") {
  Bench bench;
  {
    const auto file = bench.open();
    REQUIRE(file->save(with_term(1)));
    bench.files.forget_at_failed_sync();
    bench.files.set_fault([](const FileCall& call) {
      return call.operation == FileOperation::sync ? std::optional(Error{ErrorKind::io, "broken"}) : std::nullopt;
    });
    CHECK_FALSE(file->save(with_term(2)));
    bench.files.set_fault(nullptr);
  }
  CHECK(bench.open()->current() == with_term(2));  // from now on it may be told
  bench.files.lose_power(keep_nothing());
  CHECK(bench.open()->current() == with_term(2));
}

// A slot of which one byte is another, with a good checksum.
static std::string opened_with(std::size_t place, char byte, char format, const Metadata& saved = with_term(0)) {
  Bench bench;
  REQUIRE(bench.open()->save(saved));
  Bytes content = bench.files.content(path).substr(0, slot);
  content[8] = format;
  content[place] = byte;
  const std::uint32_t checksum = crc32c(BytesView(content).substr(8));
  std::memcpy(content.data() + 4, &checksum, sizeof checksum);
  bench.files.set_content(path, content + content);
  const auto again = bench.try_open();
  return again ? std::string("good") : again.error().kind == ErrorKind::mismatch ? "newer" : "bad";
}

TEST_CASE("a slot with a good checksum and a byte that this version does not write is of a newer one") {
  CHECK(opened_with(48, 1, 2) == "good");
  for (const std::size_t place : {48U, 49U, 50U}) {
    CAPTURE(place);
    CHECK(opened_with(place, 2, 2) == "newer");
  }
  CHECK(opened_with(52, 2, 2) == "good");
  CHECK(opened_with(52, 4, 2) == "newer");
  for (const std::size_t place : {54U, 55U, 64U, 127U, 144U, 263U, 264U, 4095U}) {  // no boot id, no nonce but one
    CAPTURE(place);
    CHECK(opened_with(place, 1, 2) == "newer");
  }
  CHECK(opened_with(48, 0, 1) == "good");
  for (const std::size_t place : {48U, 56U, 64U, 128U, 136U, 264U, 4095U}) {
    CAPTURE(place);
    CHECK(opened_with(place, 1, 1) == "newer");
  }
}

TEST_CASE("what a slot says of the other members is held to the format as well") {
  Metadata metadata = with_term(3);
  metadata.admission = Admission::rejoining;
  metadata.nonces = {7, 5};
  for (std::uint16_t node = 2; node < 5; ++node) {
    metadata.members.push_back({NodeId(node), {node * 11U, Incarnation(node), node * 13U}, Term(node)});
  }
  {
    Bench bench;
    REQUIRE(bench.open()->save(metadata));
    CHECK(bench.open()->current() == metadata);
  }
  constexpr std::size_t members = 264;
  constexpr std::size_t size_of_one = 40;
  CHECK(opened_with(136, 9, 2, metadata) == "good");
  for (const std::size_t place : {std::size_t{160}, members + 34, members + 39, members + 2 * size_of_one + 36,
                                  members + 3 * size_of_one, std::size_t{4095}}) {
    CAPTURE(place);
    CHECK(opened_with(place, 1, 2, metadata) == "newer");
  }
  CHECK(opened_with(53, 2, 2, metadata) == "newer");  // there are three
  CHECK(opened_with(53, 64, 2, metadata) == "newer");
}
