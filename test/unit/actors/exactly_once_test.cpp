#include <optional>

#include "front_end_harness.hpp"

namespace strata::actors {
namespace {

using namespace std::chrono_literals;
using test::FrontEndHarness;
using test::other;

constexpr NodeId third{3};

wire::SetRequest once(const std::string& value, std::uint64_t number = 1) {
  wire::SetRequest set{"k", value, {}, {}, false};
  set.once = wire::Once{"client", number, {}};
  return set;
}

wire::SetRequest only_if(const std::string& value, LogIndex revision) {
  return {"k", value, {}, revision, false};
}

TEST_CASE("a repeat is answered with the first one's revision, a lower number is STALE_NUMBER") {
  FrontEndHarness node;
  node.lead();
  for (const wire::SetRequest& set : {once("v", 2), once("v", 2), once("v", 1)}) {
    node.request("c", set);
  }
  node.store_proposed(LogIndex(1));
  REQUIRE(node.replies.sent.size() == 3);
  CHECK(std::get<wire::SetReply>(node.replies.sent[0].body).revision == LogIndex(1));
  CHECK(std::get<wire::SetReply>(node.replies.sent[1].body).revision == LogIndex(1));
  CHECK(std::get<wire::ErrorReply>(node.replies.sent[2].body).code == wire::ErrorCode::stale_number);
}

TEST_CASE("a new client whose SINCE the log has not reached is answered UNKNOWN, and served when it has") {
  FrontEndHarness node;
  node.lead();
  wire::SetRequest ahead = once("v");
  ahead.once->since = LogIndex(1);
  node.request("c", ahead);
  node.request("c", ahead);
  node.store_proposed(LogIndex(1));
  REQUIRE(node.replies.sent.size() == 2);
  const auto& first = std::get<wire::ErrorReply>(node.replies.sent[0].body);
  CHECK(first.code == wire::ErrorCode::unknown);
  CHECK(first.text.find("SINCE") != std::string::npos);
  CHECK(std::get<wire::SetReply>(node.replies.sent[1].body).revision == LogIndex(2));
}

TEST_CASE("a SET whose IF does not hold is a CONFLICT that names the key's revision") {
  FrontEndHarness node;
  node.lead();
  node.request("c", only_if("first", LogIndex(0)));
  node.request("c", only_if("second", LogIndex(0)));
  node.store_proposed(LogIndex(1));
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(std::get<wire::SetReply>(node.replies.sent[0].body).revision == LogIndex(1));
  const auto& conflict = std::get<wire::ErrorReply>(node.replies.sent[1].body);
  CHECK(conflict.code == wire::ErrorCode::conflict);
  CHECK((conflict.revision == LogIndex(1)));
}

TEST_CASE("the entry of a ONCE says how many sessions its leader keeps") {
  FrontEndOptions options;
  options.max_sessions = 77;
  FrontEndHarness node(options);
  node.lead();
  node.request("c", once("v"));
  const std::vector<Bytes> payloads = node.append_proposed(LogIndex(1));
  REQUIRE(payloads.size() == 1);
  CHECK(kv::decode_command(payloads[0])->once->max_sessions == 77);
}

TEST_CASE("a SET in whose place another leader's entry was committed is UNKNOWN, never OK") {
  for (const EntryType type : {EntryType::no_op, EntryType::command}) {
    FrontEndHarness node;
    node.lead(Term(1));
    node.set("c", "k", "v");
    node.append_proposed(LogIndex(1), Term(1));
    const Bytes payload = type == EntryType::command ? kv::encode_command({"k", "other"}) : Bytes();
    node.post(Committed{{make_entry(type, Term(2), LogIndex(1), payload)}, LogIndex(1)});
    CHECK(node.only_error() == wire::ErrorCode::unknown);
  }
}

TEST_CASE("a forwarded ONCE goes to the next leader when its leader is lost, and is answered by that one") {
  FrontEndHarness node;
  node.follow(other);
  node.request("c", once("v"));
  const std::uint64_t first = node.forwarded_to(other);
  node.follow(NodeId(), Term(2));
  CHECK(node.replies.sent.empty());
  node.follow(third, Term(2));
  CHECK(node.forwarded_to(third) != first);
  node.answer_forwarded(third, wire::SetReply{LogIndex(4), Durability::synced});
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(4));
  node.post(ForwardAnswersFrom{other, {{{first, wire::SetReply{LogIndex(4), Durability::synced}}}}});
  CHECK(node.replies.sent.size() == 1);
}

TEST_CASE("a forwarded ONCE is proposed here when this node is the next leader") {
  FrontEndHarness node;
  node.follow(other);
  node.request("c", once("v"));
  node.follow(NodeId(), Term(2));
  node.lead(Term(2));
  node.store_proposed(LogIndex(1), Term(2));
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(1));
}

TEST_CASE("a forwarded ONCE whose leader says UNKNOWN is sent again") {
  FrontEndHarness node;
  node.follow(other);
  node.request("c", once("v"));
  node.answer_forwarded(other, wire::ErrorReply{wire::ErrorCode::unknown, "leadership was lost", {}});
  CHECK(node.replies.sent.empty());
  node.follow(third, Term(2));
  node.answer_forwarded(third, wire::SetReply{LogIndex(4), Durability::synced});
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(4));
}

// Whatever is said of a later copy: the first one may have been applied.
TEST_CASE("a ONCE that was with a lost leader is UNKNOWN, not UNAVAILABLE or BUSY, when no other takes it") {
  FrontEndHarness node;
  node.follow(other);
  node.request("c", once("v"));
  node.follow(NodeId(), Term(2));
  SUBCASE("because there is none in time") {
    node.pass(5s);
  }
  SUBCASE("because the next one did not append it, and no other comes") {
    node.follow(third, Term(3));
    node.answer_forwarded(third, wire::NotAppended());
    CHECK(node.replies.sent.empty());
    node.follow(NodeId(), Term(4));
    node.pass(5s);
  }
  SUBCASE("because the next one is busy") {
    node.follow(third, Term(3));
    node.answer_forwarded(third, wire::ErrorReply{wire::ErrorCode::busy, "busy", {}});
  }
  SUBCASE("because this node leads and its Raft refuses") {
    node.lead(Term(3));
    const auto proposed = node.asked_of_raft<raft::Propose>();
    node.post(raft::ProposalsRefused{proposed.at(0).id, raft::RefusalReason::too_much_uncommitted});
  }
  SUBCASE("because this node leads and loses the leadership at once") {
    node.lead(Term(3));
    const auto proposed = node.asked_of_raft<raft::Propose>();
    node.post(raft::ProposalsRefused{proposed.at(0).id, raft::RefusalReason::not_leader});
  }
  SUBCASE("because this node stops") {
    node.post(Finish{1s});
  }
  CHECK(node.only_error() == wire::ErrorCode::unknown);
}

TEST_CASE("a CONFLICT or STALE_NUMBER of the next leader is the answer: the log has decided") {
  for (const wire::ErrorCode code : {wire::ErrorCode::conflict, wire::ErrorCode::stale_number}) {
    FrontEndHarness node;
    node.follow(other);
    node.request("c", once("v"));
    node.follow(third, Term(2));
    node.answer_forwarded(third, wire::ErrorReply{code, "decided", {}});
    CHECK(node.only_error() == code);
  }
}

TEST_CASE("two members that disagree about who leads do not toss a SET to and fro") {
  FrontEndHarness node;
  node.follow(other);
  node.set("c", "k", "v");
  for (int answer = 0; answer < 10; ++answer) {
    node.answer_forwarded(other, wire::NotAppended());
  }
  CHECK(node.peers.sent.size() == 1);
  node.advance(20ms);
  CHECK(node.peers.sent.size() == 2);
  node.answer_forwarded(other, wire::NotAppended());
  node.follow(third, Term(2));
  CHECK(node.forwarded_to(third) != 0);
  CHECK(node.peers.sent.size() == 3);
}

}  // namespace
}  // namespace strata::actors
