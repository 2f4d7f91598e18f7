#include "front_end_harness.hpp"

// Every request is answered within --request-timeout, and what was not answered then is answered once.
namespace strata::actors {
namespace {

using namespace std::chrono_literals;
using test::FrontEndHarness;
using test::other;
using test::self;

FrontEndOptions with_timeout(Duration timeout) {
  FrontEndOptions options;
  options.request_timeout = timeout;
  return options;
}

TEST_CASE("the time for a request may be shorter than the time that one waits for a leader") {
  FrontEndHarness node(with_timeout(100ms));
  node.set("a", "k", "v");
  node.get("b", "k");
  node.pass(100ms);
  REQUIRE(node.replies.sent.size() == 2);
  for (const wire::ClientReply& reply : node.replies.sent) {
    CHECK(std::get<wire::ErrorReply>(reply.body).code == wire::ErrorCode::unavailable);
  }
}

TEST_CASE("a node that is recovering says so to who waited for a leader in vain") {
  FrontEndHarness node(with_timeout(100ms));
  raft::Leadership none;
  none.recovering = true;
  node.post(none);
  node.set("a", "k", "v");
  node.get("b", "k");
  node.pass(100ms);
  REQUIRE(node.replies.sent.size() == 2);
  for (const wire::ClientReply& reply : node.replies.sent) {
    CHECK(std::get<wire::ErrorReply>(reply.body).text.find("recovering") != std::string::npos);
  }
}

TEST_CASE("a SET that waited long for a leader is answered in its own time, though it was proposed with a fresh one") {
  FrontEndHarness node(with_timeout(2s));
  node.set("old", "k", "v");
  node.pass(1500ms);
  // Both in one batch: the fresh one is taken first.
  ClientRequests fresh;
  fresh.requests.push_back({{"fresh"}, wire::SetRequest{"k", "w", {}, {}, false}});
  node.mailbox.post_owed(raft::Leadership{raft::Role::leader, Term(1), self, true}, 0);
  node.post(std::move(fresh));
  CHECK(node.append_proposed(LogIndex(1)).size() == 2);
  node.pass(500ms);
  REQUIRE(node.replies.sent.size() == 1);
  CHECK(node.replies.sent[0].to.packed == "old");
  CHECK(node.only_error() == wire::ErrorCode::unknown);
  node.pass(1400ms);
  CHECK(node.replies.sent.size() == 1);
  node.pass(100ms);
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(node.replies.sent[1].to.packed == "fresh");
}

TEST_CASE("whatever holds a request up, its answer leaves before its time is out") {
  FrontEndHarness node(with_timeout(1s));
  SUBCASE("a SET that Raft does not take") {
    node.lead();
    node.set("c", "k", "v");
  }
  SUBCASE("a SET that is not committed") {
    node.lead();
    node.set("c", "k", "v");
    node.append_proposed(LogIndex(1));
  }
  SUBCASE("a SET that the leader does not answer") {
    node.follow(other);
    node.set("c", "k", "v");
  }
  SUBCASE("a SET that the leader sends back again and again") {
    node.follow(other);
    node.set("c", "k", "v");
    for (int answer = 0; answer < 45; ++answer) {
      node.answer_forwarded(other, wire::NotAppended());
      node.advance(20ms);
    }
  }
  SUBCASE("a GET without a read index") {
    node.lead();
    node.get("c", "k");
  }
  SUBCASE("a GET that is not applied") {
    node.request("c", wire::GetRequest{"k", true, LogIndex(9), false});
  }
  SUBCASE("a STATUS") {
    node.request("c", wire::StatusRequest());
  }
  const TimePoint due = node.clock.now() + 1s;
  while (node.replies.sent.empty() && node.clock.now() < due) {
    node.advance(10ms);
  }
  CHECK(node.replies.sent.size() == 1);
  CHECK((node.clock.now() < due));
  node.pass(1s);
  CHECK(node.replies.sent.size() == 1);
}

TEST_CASE("an index, a read and a status that come after the time was out answer nobody a second time") {
  FrontEndHarness node(with_timeout(1s));
  node.lead();
  node.set("set", "k", "v");
  node.get("get", "k");
  node.request("status", wire::StatusRequest());
  const auto asked = node.raft.take();
  std::vector<RaftMessage> messages;
  for (RaftMessage& message : asked) {
    messages.push_back(std::move(message));
  }
  node.pass(1s);
  CHECK(node.replies.sent.size() == 3);
  for (const RaftMessage& message : messages) {
    if (const auto* proposed = std::get_if<raft::Propose>(&message)) {
      node.post(raft::ProposalsAppended{proposed->id, Term(1), LogIndex(1)});
    } else if (const auto* read = std::get_if<raft::Read>(&message)) {
      node.post(ReadsReady{{{read->id, LogIndex(0)}}});
    } else if (const auto* status = std::get_if<StatusWanted>(&message)) {
      RaftStatus told;
      told.request = status->request;
      node.post(told);
    }
  }
  node.commit(LogIndex(1), "k", "v");
  CHECK(node.replies.sent.size() == 3);
}

}  // namespace
}  // namespace strata::actors
