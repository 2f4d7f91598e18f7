#include <doctest/doctest.h>

#include "client/leader_choice.hpp"
#include "client/node_status.hpp"
#include "client/requests.hpp"

namespace strata::client {
namespace {

using namespace std::chrono_literals;

const SteadyTime noon = SteadyTime() + 12h;

NodeView node(std::uint16_t id, std::uint16_t leader, std::uint64_t term, SteadyTime seen = noon) {
  return {.id = id, .ready = true, .was_ready = true, .seen = seen, .term = term, .leader = leader};
}

TEST_CASE("the leader of the highest term counts, and old answers do not") {
  const NodeView nodes[] = {node(1, 1, 4), node(2, 3, 5), node(3, 3, 5)};
  CHECK(choose_leader(nodes, noon + 1s) == 3);
  const NodeView stale[] = {node(1, 1, 4), node(2, 3, 5, noon - 5s), node(4, 0, 9)};
  CHECK(choose_leader(stale, noon + 1s) == 1);
}

TEST_CASE("a leader that denies it is not believed to be one") {
  const NodeView nodes[] = {node(1, 0, 6), node(2, 1, 5), node(3, 0, 6)};
  CHECK(choose_leader(nodes, noon) == 0);
}

TEST_CASE("requests go to the leader itself, and through a follower only when it cannot be reached for long") {
  NodeView nodes[] = {node(1, 2, 5), node(2, 2, 5)};
  CHECK(choose_target(nodes, 2, noon, noon) == 1);
  nodes[1].ready = false;
  CHECK_FALSE(choose_target(nodes, 2, noon, noon + 1900ms).has_value());
  nodes[0].seen = noon + 3s;
  CHECK(choose_target(nodes, 2, noon, noon + 3s) == 0);
  nodes[1].was_ready = false;
  CHECK(choose_target(nodes, 2, noon + 2s, noon + 3s) == 0);
  CHECK_FALSE(choose_target(nodes, 0, noon, noon + 9s).has_value());
}

Submission ask(std::string endpoint = {}) {
  return {.body = wire::PingRequest{}, .done = {}, .endpoint = std::move(endpoint), .timeout = {}};
}

TEST_CASE("requests are found by number until they are removed, and a number never comes back") {
  RequestTable table;
  const auto first = table.add(ask(), noon, false);
  const auto second = table.add(ask(), noon + 1s, false);
  CHECK(table.find(first) != nullptr);
  table.remove(first);
  CHECK(table.find(first) == nullptr);
  const auto third = table.add(ask(), noon + 2s, false);
  CHECK(third != first);
  CHECK(table.find(first) == nullptr);
  CHECK(table.oldest() == second);
  CHECK(table.size() == 2);
  CHECK(table.all().size() == 2);
}

TEST_CASE("the first deadline is found among both kinds") {
  RequestTable table;
  CHECK_FALSE(table.first_deadline().has_value());
  const auto plain = table.add(ask(), noon + 5s, false);
  const auto own = table.add(ask("x"), noon + 1s, true);
  CHECK(table.first_deadline() == noon + 1s);
  CHECK(table.next_own_deadline() == own);
  table.remove(own);
  CHECK_FALSE(table.next_own_deadline().has_value());
  CHECK(table.first_deadline() == noon + 5s);
  table.remove(plain);
  CHECK_FALSE(table.oldest().has_value());
}

TEST_CASE("a status is read whatever else stands in it") {
  const auto status = parse_status(
      R"({"id":2,"leader":1,"term":18446744073709551615,"role":"follower","new":[1],"at_risk":{"entries":3},)"
      R"("members":[{"id":1,"peer":"p","clients":["tcp://a:1","ipc://b"]},7]})");
  REQUIRE(status.has_value());
  CHECK(status->id == 2);
  CHECK(status->leader == 1);
  CHECK(status->term == UINT64_MAX);
  CHECK(status->role == "follower");
  CHECK(status->at_risk_entries == 3);
  REQUIRE(status->members.size() == 1);
  CHECK(status->members[0].clients == std::vector<std::string>{"tcp://a:1", "ipc://b"});
}

TEST_CASE("what is no status is refused") {
  for (const char* text : {"", "{", "[]", "7", R"({"id":1})", R"({"id":1,"leader":2)"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_status(text).has_value());
  }
}

TEST_CASE("who is missing is said by name") {
  const NodeReach nodes[] = {{"1", Reach::answers}, {"2", Reach::refused}, {"3", Reach::silent}};
  CHECK(reach_sentence(nodes) == "1 of 3 nodes reachable, 2 needed (2 refused, 3 timed out)");
  CHECK(reach_sentence(std::span(nodes).first(1)) == "1 of 1 nodes reachable, 1 needed");
}

TEST_CASE("strings become JSON and wildcards are known as such") {
  CHECK(json_string("a\"b\n") == R"("a\"b\n")");
  CHECK(is_utf8("gr\xc3\xbc\"n\\\n"));
  CHECK_FALSE(is_utf8("\xff"));
  CHECK(is_wildcard("tcp://*:7001"));
  CHECK(is_wildcard("tcp://0.0.0.0:7001"));
  CHECK_FALSE(is_wildcard("tcp://10.0.0.1:7001"));
}

}  // namespace
}  // namespace strata::client
