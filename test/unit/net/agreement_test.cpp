#include "net/agreement.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/log_samples.hpp"

namespace strata::net {
namespace {

wire::Hello hello(std::uint32_t max_sessions, Durability ack = Durability::synced) {
  return {{}, ack, max_sessions};
}

struct Member {
  explicit Member(std::size_t members)
      : agreement(hello(100), members, log, [this](const Error& error) { stopped.push_back(error.text); }) {}
  std::vector<std::string> stopped;
  test::KeptLines log;
  Agreement agreement;
};

TEST_CASE("members with the same settings say nothing") {
  Member member(3);
  member.agreement.heard(NodeId(2), hello(100));
  member.agreement.heard(NodeId(3), hello(100));
  CHECK(member.stopped.empty());
  CHECK_FALSE(member.log.has("disagrees"));
}

TEST_CASE("one of three that differs is named, and the two others go on") {
  Member member(3);
  member.agreement.heard(NodeId(2), hello(100));
  member.agreement.heard(NodeId(3), hello(7));
  CHECK(member.log.has("member 3 disagrees: --max-sessions is 7 there and 100 here"));
  CHECK(member.stopped.empty());
}

TEST_CASE("the one of three that differs stops, once") {
  Member member(3);
  member.agreement.heard(NodeId(2), hello(7));
  CHECK(member.stopped.empty());
  member.agreement.heard(NodeId(3), hello(7, Durability::written));
  member.agreement.heard(NodeId(3), hello(8));
  REQUIRE(member.stopped.size() == 1);
  CHECK(member.stopped[0].find("--ack is written there and synced here, --max-sessions is 7 there") !=
        std::string::npos);
}

TEST_CASE("of two that differ both stop: neither has a majority") {
  Member member(2);
  member.agreement.heard(NodeId(2), hello(7));
  CHECK(member.stopped.size() == 1);
}

TEST_CASE("a member that was set right counts as agreeing again") {
  Member member(3);
  member.agreement.heard(NodeId(2), hello(7));
  member.agreement.heard(NodeId(2), hello(100));
  CHECK(member.log.has("member 2 runs with this node's settings now"));
  member.agreement.heard(NodeId(3), hello(7));
  CHECK(member.stopped.empty());
}

}  // namespace
}  // namespace strata::net
