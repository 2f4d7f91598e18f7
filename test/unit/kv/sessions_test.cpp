#include "kv/sessions.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace strata::kv {
namespace {

Outcome stored(std::uint64_t index) {
  return Stored{LogIndex(index)};
}

// Behind all that is remembered in a test.
constexpr LogIndex now(100);

// A write under a limit of that many sessions.
Once once(BytesView client, std::uint64_t number, std::uint32_t max_sessions = 10) {
  return {client, number, {}, max_sessions};
}
Once begun_at(BytesView client, LogIndex since) {
  return {client, 1, since, 10};
}

TEST_CASE("a repeat gets the first one's outcome, a lower number is stale, a higher one is new") {
  Sessions sessions;
  CHECK_FALSE(sessions.look_up(once("a", 5), now).has_value());
  sessions.remember(once("a", 5), LogIndex(3), stored(3));
  CHECK((sessions.look_up(once("a", 5), now) == stored(3)));
  CHECK((sessions.look_up(once("a", 4), now) == Outcome(StaleNumber())));
  CHECK_FALSE(sessions.look_up(once("a", 6), now).has_value());
}

TEST_CASE("a conflict uses the number up") {
  Sessions sessions;
  sessions.remember(once("a", 1), LogIndex(3), Conflict{LogIndex(2)});
  CHECK((sessions.look_up(once("a", 1), now) == Outcome(Conflict{LogIndex(2)})));
}

TEST_CASE("the least recently used session is forgotten first, and a repeat is a use") {
  Sessions sessions;
  sessions.remember(once("a", 1, 2), LogIndex(1), stored(1));
  sessions.remember(once("b", 1, 2), LogIndex(2), stored(2));
  sessions.look_up(once("a", 1, 2), now);
  sessions.remember(once("c", 1, 2), LogIndex(4), stored(4));
  CHECK(sessions.size() == 2);
  CHECK(sessions.last_forgotten_at() == LogIndex(4));
  CHECK((sessions.look_up(once("a", 1), now) == stored(1)));
  CHECK_FALSE(sessions.look_up(once("b", 1), now).has_value());
}

TEST_CASE("an unknown client that says it began before the last session was forgotten is stale, a later one is new") {
  Sessions sessions;
  sessions.remember(once("a", 1, 1), LogIndex(1), stored(1));
  sessions.remember(once("b", 1, 1), LogIndex(5), stored(5));
  CHECK((sessions.look_up(begun_at("a", LogIndex(4)), now) == Outcome(StaleNumber())));
  CHECK_FALSE(sessions.look_up(begun_at("new", LogIndex(5)), now).has_value());
  CHECK_FALSE(sessions.look_up(once("a", 1), now).has_value());
}

TEST_CASE("a client that is remembered is served whatever it says of its beginning") {
  Sessions sessions;
  sessions.remember(once("a", 1, 1), LogIndex(1), stored(1));
  sessions.remember(once("b", 1, 1), LogIndex(5), stored(5));
  CHECK((sessions.look_up(begun_at("b", LogIndex(0)), now) == stored(5)));
}

TEST_CASE("an unknown client that has seen a revision which the log has not reached waits until it has") {
  Sessions sessions;
  CHECK((sessions.look_up(begun_at("a", LogIndex(9)), LogIndex(8)) == Outcome(SinceNotReached())));
  CHECK((sessions.look_up(begun_at("a", LogIndex(9)), LogIndex(9)) == Outcome(SinceNotReached())));
  CHECK_FALSE(sessions.look_up(begun_at("a", LogIndex(9)), LogIndex(10)).has_value());
  sessions.remember(begun_at("a", LogIndex(9)), LogIndex(10), stored(10));
  CHECK((sessions.look_up(begun_at("a", LogIndex(9)), LogIndex(11)) == stored(10)));
}

TEST_CASE("no session was ever forgotten: every beginning is early enough") {
  Sessions sessions;
  sessions.remember(once("a", 1), LogIndex(1), stored(1));
  CHECK_FALSE(sessions.look_up(begun_at("b", LogIndex(0)), now).has_value());
}

TEST_CASE("under a lower limit as many are forgotten as it takes, under a higher one none") {
  Sessions sessions;
  for (std::uint64_t number = 1; number <= 5; ++number) {
    sessions.remember(once("client" + std::to_string(number), 1, 5), LogIndex(number), stored(number));
  }
  sessions.remember(once("low", 1, 2), LogIndex(6), stored(6));
  CHECK(sessions.size() == 2);
  CHECK((sessions.look_up(once("client5", 1), now) == stored(5)));
  sessions.remember(once("high", 1, 3), LogIndex(7), stored(7));
  CHECK(sessions.size() == 3);
  CHECK(sessions.last_forgotten_at() == LogIndex(6));
}

TEST_CASE("many sessions come and go without a mix-up") {
  Sessions sessions;
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    const std::string client = "a client with a name that is not short " + std::to_string(number);
    sessions.remember(once(client, 1, 100), LogIndex(number), stored(number));
  }
  CHECK(sessions.size() == 100);
  Sessions moved = std::move(sessions);
  for (std::uint64_t number = 901; number <= 1000; ++number) {
    const std::string client = "a client with a name that is not short " + std::to_string(number);
    CHECK((moved.look_up(once(client, 1, 100), now) == stored(number)));
  }
}

TEST_CASE("sessions restored in their order are forgotten in that order") {
  Sessions sessions;
  sessions.remember(once("a", 1), LogIndex(1), stored(1));
  sessions.remember(once("b", 1), LogIndex(2), stored(2));
  sessions.look_up(once("a", 1), now);
  Sessions restored(sessions.last_forgotten_at());
  for (const Session& session : sessions.in_order()) {
    restored.restore(session);
  }
  CHECK(restored.in_order() == sessions.in_order());
  restored.remember(once("c", 1, 2), LogIndex(4), stored(4));
  CHECK_FALSE(restored.look_up(once("b", 1), now).has_value());
  CHECK((restored.look_up(once("a", 1), now) == stored(1)));
}

}  // namespace
}  // namespace strata::kv
