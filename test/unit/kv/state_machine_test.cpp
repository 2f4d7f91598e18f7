#include "kv/state_machine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kv/command.hpp"

namespace strata::kv {
namespace {

struct Machine {
  StateMachine state;
  std::optional<Outcome> set(const SetCommand& command) {
    return state.apply(make_entry(EntryType::command, Term(1), state.applied().next(), encode_command(command)));
  }
  BytesView value(BytesView key) { return state.dictionary().find(key)->value; }
};

TEST_CASE("a SET stores under the entry's index") {
  Machine machine;
  CHECK((machine.set({"k", "one"}) == Outcome(Stored{LogIndex(1)})));
  CHECK((machine.set({"k", "two"}) == Outcome(Stored{LogIndex(2)})));
  CHECK(machine.value("k") == "two");
  CHECK(machine.state.dictionary().find("k")->revision == LogIndex(2));
  CHECK(machine.state.dictionary().find("other") == nullptr);
}

TEST_CASE("a no-op moves the index on and changes nothing") {
  Machine machine;
  CHECK_FALSE(machine.state.apply(make_entry(EntryType::no_op, Term(1), LogIndex(1), {})).has_value());
  CHECK(machine.state.applied() == LogIndex(1));
  CHECK(machine.state.dictionary().size() == 0);
}

TEST_CASE("an election that needed flagged votes begins a new generation, which the digest tells") {
  Machine one;
  Machine other;
  CHECK(one.state.generation() == 1);
  CHECK_FALSE(one.state.apply(make_entry(EntryType::new_generation, Term(1), LogIndex(1), {})).has_value());
  other.state.apply(make_entry(EntryType::no_op, Term(1), LogIndex(1), {}));
  CHECK(one.state.generation() == 2);
  CHECK(other.state.generation() == 1);
  CHECK(one.state.applied() == other.state.applied());
  CHECK(one.state.digest() != other.state.digest());
}

TEST_CASE("IF stores only when the key's revision is the one named; 0 means that there is no such key") {
  Machine machine;
  CHECK((machine.set({"k", "one", {}, LogIndex(0)}) == Outcome(Stored{LogIndex(1)})));
  CHECK((machine.set({"k", "two", {}, LogIndex(0)}) == Outcome(Conflict{LogIndex(1)})));
  CHECK((machine.set({"new", "x", {}, LogIndex(1)}) == Outcome(Conflict{LogIndex(0)})));
  CHECK((machine.set({"k", "two", {}, LogIndex(1)}) == Outcome(Stored{LogIndex(4)})));
  CHECK(machine.value("k") == "two");
}

TEST_CASE("a repeated ONCE changes nothing and gets the first one's revision, even after another's write") {
  Machine machine;
  CHECK((machine.set({"k", "mine", Once{"c", 1, {}}, {}}) == Outcome(Stored{LogIndex(1)})));
  machine.set({"k", "yours"});
  CHECK((machine.set({"k", "mine", Once{"c", 1, {}}, {}}) == Outcome(Stored{LogIndex(1)})));
  CHECK(machine.value("k") == "yours");
}

TEST_CASE("ONCE is looked at before IF: a repeat gets the first one's conflict though the IF would hold now") {
  Machine machine;
  machine.set({"k", "one"});
  CHECK((machine.set({"k", "two", Once{"c", 1, {}}, LogIndex(3)}) == Outcome(Conflict{LogIndex(1)})));
  machine.set({"k", "three"});
  CHECK((machine.set({"k", "two", Once{"c", 1, {}}, LogIndex(3)}) == Outcome(Conflict{LogIndex(1)})));
  CHECK(machine.value("k") == "three");
}

TEST_CASE("a stale number changes nothing") {
  Machine machine;
  machine.set({"k", "second", Once{"c", 2, {}}, {}});
  CHECK((machine.set({"k", "first", Once{"c", 1, {}}, {}}) == Outcome(StaleNumber())));
  CHECK(machine.value("k") == "second");
}

// The same state, by way of its parts.
StateMachine taken_down_and_built_up(const StateMachine& state) {
  Dictionary dictionary;
  for (const auto& [key, item] : state.dictionary().sorted()) {
    dictionary.store(key, item->value, item->revision);
  }
  Sessions sessions(state.sessions().last_forgotten_at());
  for (const Session& session : state.sessions().in_order()) {
    sessions.restore(session);
  }
  return {std::move(dictionary), std::move(sessions), state.applied(), state.generation()};
}

TEST_CASE("a state built from the parts of another has its digest, and goes on like it") {
  Machine machine;
  machine.set({"b", "one", Once{"c", 1, {}, 2}, {}});
  machine.set({"a", "two", Once{"d", 1, {}, 2}, {}});
  machine.set({"c", "three", Once{"e", 1, {}, 2}, {}});
  Machine copy{taken_down_and_built_up(machine.state)};
  CHECK(copy.state.digest() == machine.state.digest());
  for (Machine* each : {&machine, &copy}) {
    CHECK((each->set({"a", "x", Once{"d", 1, {}, 2}, {}}) == Outcome(Stored{LogIndex(2)})));
    CHECK((each->set({"a", "x", Once{"c", 1, LogIndex(1), 2}, {}}) == Outcome(StaleNumber())));
  }
  CHECK(copy.state.digest() == machine.state.digest());
}

TEST_CASE("the digest tells any two states apart that differ in a key, a value, a revision or a session") {
  std::vector<std::uint64_t> digests;
  for (const SetCommand& command : {SetCommand{"k", "v"}, SetCommand{"k", "w"}, SetCommand{"l", "v"},
                                    SetCommand{"kv", ""}, SetCommand{"k", "v", Once{"c", 1, {}}},
                                    SetCommand{"k", "v", Once{"c", 2, {}}}, SetCommand{"k", "v", Once{"d", 1, {}}}}) {
    Machine machine;
    machine.set(command);
    digests.push_back(machine.state.digest());
    machine.set(command);
    digests.push_back(machine.state.digest());
  }
  std::ranges::sort(digests);
  CHECK(std::ranges::adjacent_find(digests) == digests.end());
}

TEST_CASE("the order in which sessions were used is part of the digest") {
  Machine one;
  Machine other;
  for (Machine* each : {&one, &other}) {
    each->set({"k", "v", Once{"c", 1, {}}, {}});
    each->set({"k", "v", Once{"d", 1, {}}, {}});
  }
  one.set({"k", "v", Once{"c", 1, {}}, {}});
  other.set({"k", "v", Once{"d", 1, {}}, {}});
  CHECK(one.state.digest() != other.state.digest());
}

TEST_CASE("a dictionary is listed in the order of its keys' bytes") {
  Dictionary dictionary;
  for (const char* key : {"b", "a", "ab", "\xff", "B"}) {
    dictionary.store(key, "v", LogIndex(1));
  }
  std::vector<BytesView> keys;
  for (const auto& [key, item] : dictionary.sorted()) {
    keys.push_back(key);
  }
  CHECK((keys == std::vector<BytesView>{"B", "a", "ab", "b", "\xff"}));
}

}  // namespace
}  // namespace strata::kv
