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

struct OfAnotherCluster : Member {
  OfAnotherCluster() : Member(3) {}
  void hears_strangers(Duration after_start) {
    for (const NodeId member : {NodeId(2), NodeId(3)}) {
      agreement.heard_stranger(member, "it is of another cluster", TimePoint(after_start));
    }
  }
};

TEST_CASE("a node whose members are all of another cluster stops when that has lasted") {
  OfAnotherCluster member;
  member.hears_strangers(Duration::zero());
  member.hears_strangers(Agreement::strangers_patience - Duration(1));
  CHECK(member.stopped.empty());
  member.hears_strangers(Agreement::strangers_patience);
  REQUIRE(member.stopped.size() == 1);
  CHECK(member.stopped[0].find("member 3: it is of another cluster") != std::string::npos);
}

TEST_CASE("a strange cluster that uses the members' ids does not stop a node that knows one of its own") {
  OfAnotherCluster member;
  SUBCASE("from the begin on") {
    member.agreement.knows_member();
    member.hears_strangers(Duration::zero());
  }
  SUBCASE("a little later") {
    member.hears_strangers(Duration::zero());
    member.agreement.knows_member();
  }
  member.hears_strangers(Agreement::strangers_patience);
  CHECK_FALSE(member.log.has("disagrees"));
  CHECK(member.stopped.empty());
}

TEST_CASE("what strangers said counts no longer when a member is heard") {
  OfAnotherCluster member;
  member.agreement.heard_stranger(NodeId(2), "it is of another cluster", TimePoint());
  member.agreement.heard_stranger(NodeId(2), "it is of another cluster", TimePoint(Agreement::strangers_patience));
  CHECK(member.log.has("member 2 disagrees: it is of another cluster"));
  member.agreement.knows_member();
  member.agreement.heard(NodeId(3), hello(7));
  CHECK(member.stopped.empty());
}

}  // namespace
}  // namespace strata::net
