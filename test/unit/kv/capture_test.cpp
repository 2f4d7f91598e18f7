#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/checksum.hpp"
#include "kv/command.hpp"
#include "kv/encoding.hpp"
#include "kv/state_machine.hpp"

namespace strata::kv {
namespace {

void set(StateMachine& state, BytesView key, BytesView value, std::optional<Once> once = std::nullopt) {
  SetCommand command{key, value};
  command.once = once;
  state.apply(make_entry(EntryType::command, Term(1), state.applied().next(), encode_command(command)));
}

Once once(BytesView client, std::uint64_t number) {
  Once wanted;
  wanted.client = client;
  wanted.number = number;
  wanted.max_sessions = 2;
  return wanted;
}

StateMachine sample(std::size_t keys) {
  StateMachine state;
  for (std::size_t i = 0; i < keys; ++i) {
    set(state, fmt::format("key {}", i), Bytes(i % 50, 'v'));
  }
  set(state, "a", "1", once("c1", 1));
  set(state, "b", "2", once("c2", 5));
  set(state, "c", "3", once("c3", 1));  // pushes c1 out
  set(state, "d", "4", once("c2", 6));
  return state;
}

Bytes captured(StateMachine& state, std::size_t piece) {
  Bytes bytes;
  while (!state.capture()->ended()) {
    bytes += state.capture_next(piece);
  }
  state.end_capture();
  return bytes;
}

Bytes encoded(StateMachine& state) {
  state.begin_capture();
  return captured(state, 1 << 20);
}

Result<StateMachine> decoded(BytesView bytes, std::size_t piece) {
  StateDecoder decoder;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    decoder.add(bytes.substr(0, piece));
  }
  return decoder.finish();
}

TEST_CASE("what was captured decodes to the same state, in pieces of any size") {
  StateMachine state = sample(300);
  const Bytes bytes = encoded(state);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, bytes.size()}) {
    auto back = decoded(bytes, piece);
    REQUIRE(back.has_value());
    CHECK(back->digest() == state.digest());
    CHECK(back->applied() == state.applied());
  }
}

TEST_CASE("the generation is a part of what is captured, as it was when the capture began") {
  StateMachine state = sample(3);
  state.apply(make_entry(EntryType::new_generation, Term(2), state.applied().next(), {}));
  state.begin_capture();
  state.apply(make_entry(EntryType::new_generation, Term(3), state.applied().next(), {}));
  const auto back = decoded(captured(state, 100), 100);
  REQUIRE(back.has_value());
  CHECK(back->generation() == 2);
  CHECK(state.generation() == 3);
}

// What the earlier format was: no generation in the head, and a 1 as its version.
Bytes in_format_1(Bytes bytes) {
  bytes[4] = 1;
  bytes.erase(40, 8);
  bytes.resize(bytes.size() - 4);
  return bytes + encode_end(crc32c(bytes));
}

TEST_CASE("a snapshot of the format without a generation is read, and is of the first") {
  StateMachine state = sample(50);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
    const auto back = decoded(in_format_1(encoded(state)), piece);
    REQUIRE(back.has_value());
    CHECK(back->generation() == 1);
    CHECK(back->digest() == state.digest());
  }
}

TEST_CASE("a generation of 0 and a format that is not known are refused") {
  StateMachine state = sample(1);
  Bytes bytes = encoded(state);
  bytes[40] = 0;
  CHECK((decoded(bytes, 64).error().kind == ErrorKind::damaged));
  bytes[4] = 3;
  CHECK((decoded(bytes, 64).error().kind == ErrorKind::mismatch));
}

TEST_CASE("an empty state can be captured") {
  StateMachine state;
  const Bytes bytes = encoded(state);
  auto back = decoded(bytes, 10);
  REQUIRE(back.has_value());
  CHECK(back->digest() == state.digest());
}

TEST_CASE("equal states have equal bytes, whatever way they came to be") {
  StateMachine one;
  StateMachine other;
  for (int i = 0; i < 100; ++i) {
    set(one, fmt::format("key {}", i), "x");
    set(other, fmt::format("key {}", i), "x");
  }
  auto back = decoded(encoded(other), 100);
  REQUIRE(back.has_value());
  CHECK(encoded(one) == encoded(*back));
}

TEST_CASE("a capture shows the state as it was when it began, whatever is stored meanwhile") {
  StateMachine state = sample(500);
  const Bytes before = encoded(state);
  state.begin_capture();
  Bytes bytes;
  int round = 0;
  while (!state.capture()->ended()) {
    for (int i = 0; i < 5; ++i) {
      set(state, fmt::format("key {}", (round * 37 + i * 101) % 700), fmt::format("changed {}", round));
    }
    set(state, "e", "5", once("c4", 1));
    bytes += state.capture_next(100);
    ++round;
  }
  CHECK(round > 10);
  CHECK(bytes == before);
}

TEST_CASE("what is stored during a capture costs a copy of what stood there, once a key, until its turn has come") {
  StateMachine state = sample(5000);
  state.begin_capture();
  CHECK(state.capture()->kept() == 0);
  for (int round = 0; round < 3; ++round) {
    set(state, "key 1", fmt::format("changed {}", round));
    set(state, "key 2", fmt::format("changed {}", round));
    set(state, "new", fmt::format("changed {}", round));
  }
  CHECK(state.capture()->kept() == 3);
  state.capture_next(std::size_t{1} << 30);
  CHECK(state.capture()->ended());
  CHECK(state.capture()->kept() == 0);
  set(state, "key 3", "changed");
  CHECK(state.capture()->kept() == 0);
}

TEST_CASE("content that is cut short, too long, or changed anywhere is refused") {
  StateMachine state = sample(20);
  const Bytes bytes = encoded(state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decoded(BytesView(bytes).substr(0, size), 64).has_value());
  }
  CHECK_FALSE(decoded(bytes + "x", 64).has_value());
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    Bytes changed = bytes;
    changed[place] = static_cast<char>(changed[place] ^ 4);
    CHECK_FALSE(decoded(changed, 64).has_value());
  }
}

}  // namespace
}  // namespace strata::kv
