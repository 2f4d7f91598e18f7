#include "front_end_harness.hpp"

namespace strata::actors {
namespace {

using namespace std::chrono_literals;
using test::FrontEndHarness;
using test::other;
using test::self;

FrontEndOptions in_start(std::uint64_t nonce) {
  FrontEndOptions options;
  options.nonce = nonce;
  return options;
}

FrontEndOptions with_room_for(std::size_t bytes) {
  FrontEndOptions options;
  options.max_pending = bytes;
  return options;
}

TEST_CASE("a SET on the leader is answered once its entry is applied, with its index and durability") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  const auto proposed = node.asked_of_raft<raft::Propose>();
  REQUIRE(proposed.size() == 1);
  node.post(raft::ProposalsAppended{proposed[0].id, Term(1), LogIndex(1)});
  CHECK(node.replies.sent.empty());
  node.commit(LogIndex(1), "k", "v");
  const auto& reply = node.only_reply<wire::SetReply>();
  CHECK(reply.revision == LogIndex(1));
  CHECK(reply.durability == Durability::synced);
}

TEST_CASE("the SETs of one batch are one proposal, and each gets its own revision") {
  FrontEndHarness node;
  node.lead();
  ClientRequests batch;
  for (const char* client : {"a", "b", "c"}) {
    batch.requests.push_back({{client}, wire::SetRequest{client, "v", {}, {}, false}});
  }
  node.post(std::move(batch));
  const auto proposed = node.asked_of_raft<raft::Propose>();
  REQUIRE(proposed.size() == 1);
  CHECK(proposed[0].payloads.size() == 3);
  node.post(raft::ProposalsAppended{proposed[0].id, Term(1), LogIndex(1)});
  for (std::uint64_t index = 1; index <= 3; ++index) {
    node.commit(LogIndex(index), "k", "v");
  }
  REQUIRE(node.replies.sent.size() == 3);
  for (std::size_t at = 0; at < 3; ++at) {
    CHECK(std::get<wire::SetReply>(node.replies.sent[at].body).revision == LogIndex(at + 1));
    CHECK(node.replies.sent[at].to.packed == std::string(1, static_cast<char>('a' + at)));
  }
}

TEST_CASE("a batch of large SETs is several proposals, so that Raft takes what it has room for") {
  FrontEndHarness node;
  node.lead();
  ClientRequests batch;
  for (const char* client : {"a", "b", "c", "d", "e"}) {
    batch.requests.push_back({{client}, wire::SetRequest{client, Bytes(600 << 10, 'v'), {}, {}, false}});
  }
  node.post(std::move(batch));
  const auto proposed = node.asked_of_raft<raft::Propose>();
  REQUIRE(proposed.size() == 3);
  CHECK(proposed[0].payloads.size() == 2);
  CHECK(proposed[2].payloads.size() == 1);
  node.post(raft::ProposalsAppended{proposed[0].id, Term(1), LogIndex(1)});
  node.post(raft::ProposalsRefused{proposed[1].id, raft::RefusalReason::too_much_uncommitted});
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(node.replies.sent[0].to.packed == "c");
  CHECK(node.replies.sent[1].to.packed == "d");
  node.post(raft::ProposalsAppended{proposed[2].id, Term(1), LogIndex(3)});
  node.commit(LogIndex(1), "a", "v");
  CHECK(node.replies.sent[2].to.packed == "a");
}

TEST_CASE("a SET that meets no leader waits, and goes on when there is one") {
  FrontEndHarness node;
  node.set("c", "k", "v");
  node.advance(1s);
  CHECK(node.replies.sent.empty());
  node.lead();
  CHECK(node.asked_of_raft<raft::Propose>().size() == 1);
}

TEST_CASE("a leader that has not committed in its term yet makes requests wait") {
  FrontEndHarness node;
  node.post(raft::Leadership{raft::Role::leader, Term(1), self, false});
  node.set("c", "k", "v");
  CHECK(node.asked_of_raft<raft::Propose>().empty());
  node.lead();
  CHECK(node.asked_of_raft<raft::Propose>().size() == 1);
}

TEST_CASE("after two seconds without a leader a SET and a GET are UNAVAILABLE") {
  FrontEndHarness node;
  node.set("c", "k", "v");
  node.get("d", "k");
  for (int step = 0; step < 105; ++step) {
    node.advance(20ms);
  }
  REQUIRE(node.replies.sent.size() == 2);
  for (const auto& reply : node.replies.sent) {
    CHECK(std::get<wire::ErrorReply>(reply.body).code == wire::ErrorCode::unavailable);
  }
}

TEST_CASE("a follower passes a SET on once, and gives the leader's answer back") {
  FrontEndHarness node;
  node.follow(other);
  node.set("c", "k", "v");
  REQUIRE(node.peers.sent.size() == 1);
  CHECK(node.peers.sent[0].to == other);
  const auto& forwarded = std::get<wire::ForwardSets>(node.peers.sent[0].message);
  REQUIRE(forwarded.sets.size() == 1);
  CHECK(forwarded.sets[0].request.key == "k");
  node.advance(100ms);
  CHECK(node.peers.sent.size() == 1);
  node.post(ForwardAnswersFrom{other, {{{forwarded.sets[0].id, wire::SetReply{LogIndex(9), Durability::synced}}}}});
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(9));
}

TEST_CASE("a forwarded SET is sent again only after the leader said that it did not append it") {
  FrontEndHarness node;
  node.follow(other);
  node.set("c", "k", "v");
  const auto id = std::get<wire::ForwardSets>(node.peers.sent[0].message).sets[0].id;
  node.post(ForwardAnswersFrom{other, {{{id, wire::NotAppended()}}}});
  node.advance(20ms);
  CHECK(node.peers.sent.size() == 2);
  CHECK(node.replies.sent.empty());
}

TEST_CASE("a late answer to a SET that an earlier start forwarded answers none of this one's") {
  std::uint64_t earlier = 0;
  {
    FrontEndHarness node(in_start(0xfedcba9876543210));
    node.follow(other);
    node.set("c", "k", "v");
    earlier = std::get<wire::ForwardSets>(node.peers.sent.at(0).message).sets.at(0).id;
  }
  FrontEndHarness node(in_start(0x123456789abcdef0));
  node.follow(other);
  node.set("c", "k", "v");
  node.post(ForwardAnswersFrom{other, {{{earlier, wire::SetReply{LogIndex(1), Durability::synced}}}}});
  CHECK(node.replies.sent.empty());
}

TEST_CASE("a forwarded SET is UNKNOWN when its leader is lost") {
  FrontEndHarness node;
  node.follow(other);
  node.set("c", "k", "v");
  node.follow(NodeId(), Term(2));
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::unknown);
}

TEST_CASE("an appended SET is UNKNOWN when leadership is lost, even if it is won again") {
  FrontEndHarness node;
  node.lead(Term(1));
  node.set("c", "k", "v");
  const auto proposed = node.asked_of_raft<raft::Propose>();
  node.post(raft::ProposalsAppended{proposed.at(0).id, Term(1), LogIndex(1)});
  node.lead(Term(3));
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::unknown);
  node.commit(LogIndex(1), "k", "v");
  CHECK(node.replies.sent.size() == 1);
}

TEST_CASE("a refused proposal was certainly never appended: UNAVAILABLE, or BUSY when too much waits") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  node.post(raft::ProposalsRefused{node.asked_of_raft<raft::Propose>().at(0).id, raft::RefusalReason::not_leader});
  node.set("d", "k", "v");
  node.post(
      raft::ProposalsRefused{node.asked_of_raft<raft::Propose>().at(0).id, raft::RefusalReason::too_much_uncommitted});
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(std::get<wire::ErrorReply>(node.replies.sent[0].body).code == wire::ErrorCode::unavailable);
  CHECK(std::get<wire::ErrorReply>(node.replies.sent[1].body).code == wire::ErrorCode::busy);
}

TEST_CASE("a proposal that is refused for a full disk is UNAVAILABLE, and the text names the disk") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  node.post(raft::ProposalsRefused{node.asked_of_raft<raft::Propose>().at(0).id, raft::RefusalReason::disk_full});
  const auto reply = node.only_reply<wire::ErrorReply>();
  CHECK(reply.code == wire::ErrorCode::unavailable);
  CHECK(reply.text.find("disk") != std::string::npos);
}

TEST_CASE("whoever passed on a SET for which there is no room is told why, so that it is not sent again at once") {
  FrontEndHarness node;
  node.lead();
  node.post(ForwardedFrom{other, {{{7, {"k", "v", {}, {}, false}}}}});
  node.post(raft::ProposalsRefused{node.asked_of_raft<raft::Propose>().at(0).id, raft::RefusalReason::disk_full});
  REQUIRE(node.peers.sent.size() == 1);
  const auto& refused = std::get<wire::ForwardReplies>(node.peers.sent[0].message).replies.at(0);
  REQUIRE(std::holds_alternative<wire::ErrorReply>(refused.result));
  CHECK(std::get<wire::ErrorReply>(refused.result).code == wire::ErrorCode::unavailable);
  FrontEndHarness origin;
  origin.follow(other);
  origin.set("c", "k", "v");
  origin.answer_forwarded(other, refused.result);
  CHECK(origin.only_reply<wire::ErrorReply>().text.find("disk") != std::string::npos);
  CHECK(origin.peers.sent.size() == 1);
}

TEST_CASE("an appended SET that is not committed in time is UNKNOWN before its time is out, and answered once") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  node.post(raft::ProposalsAppended{node.asked_of_raft<raft::Propose>().at(0).id, Term(1), LogIndex(1)});
  for (int step = 0; step < 250; ++step) {
    node.advance(20ms);
  }
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::unknown);
  node.commit(LogIndex(1), "k", "v");
  CHECK(node.replies.sent.size() == 1);
}

TEST_CASE("the GETs of one batch share one read index, and wait until it is applied") {
  FrontEndHarness node;
  node.lead();
  ClientRequests batch;
  batch.requests.push_back({{"a"}, wire::GetRequest{"k", false, {}, false}});
  batch.requests.push_back({{"b"}, wire::GetRequest{"none", false, {}, false}});
  node.post(std::move(batch));
  const auto reads = node.asked_of_raft<raft::Read>();
  REQUIRE(reads.size() == 1);
  node.post(ReadsReady{{{reads[0].id, LogIndex(1)}}});
  CHECK(node.replies.sent.empty());
  node.commit(LogIndex(1), "k", "v");
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(std::get<wire::GetReply>(node.replies.sent[0].body).value == "v");
  CHECK(std::get<wire::GetReply>(node.replies.sent[0].body).revision == LogIndex(1));
  CHECK(std::get<wire::NoneReply>(node.replies.sent[1].body).key == "none");
}

TEST_CASE("a GET whose read index could not be had is asked again under a fresh id") {
  FrontEndHarness node;
  node.lead();
  node.get("c", "k");
  const auto first = node.asked_of_raft<raft::Read>();
  node.post(ReadsFailed{{first.at(0).id}});
  const auto second = node.asked_of_raft<raft::Read>();
  REQUIRE(second.size() == 1);
  CHECK(second[0].id != first[0].id);
}

TEST_CASE("a LOCAL GET is served at once, without a leader") {
  FrontEndHarness node;
  node.commit(LogIndex(1), "k", "v");
  node.request("c", wire::GetRequest{"k", true, {}, false});
  CHECK(node.only_reply<wire::GetReply>().value == "v");
}

TEST_CASE("a LOCAL GET with MIN waits until that revision is applied, and is UNAVAILABLE when it is not in time") {
  FrontEndHarness node;
  node.request("c", wire::GetRequest{"k", true, LogIndex(1), false});
  node.request("d", wire::GetRequest{"k", true, LogIndex(7), false});
  CHECK(node.replies.sent.empty());
  node.commit(LogIndex(1), "k", "v");
  CHECK(node.only_reply<wire::GetReply>().value == "v");
  for (int step = 0; step < 250; ++step) {
    node.advance(20ms);
  }
  REQUIRE(node.replies.sent.size() == 2);
  CHECK(std::get<wire::ErrorReply>(node.replies.sent[1].body).code == wire::ErrorCode::unavailable);
}

TEST_CASE("beyond the admission limit a request is BUSY, and room comes back with the answers") {
  FrontEndHarness node(with_room_for(1000));
  node.set("a", "k", std::string(900, 'v'));
  node.set("b", "k", std::string(900, 'v'));
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::busy);
  node.lead();
  node.post(raft::ProposalsRefused{node.asked_of_raft<raft::Propose>().at(0).id, raft::RefusalReason::not_leader});
  node.set("c", "k", std::string(900, 'v'));
  CHECK(node.asked_of_raft<raft::Propose>().size() == 1);
}

TEST_CASE("replies that a slow client does not take count as pending") {
  FrontEndHarness node(with_room_for(1000));
  node.set("a", "k", "v");
  node.post(ReplyBacklog{5000});
  node.set("b", "k", "v");
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::busy);
}

TEST_CASE("a SET that another member passed on is answered to it, and refused as not appended by a follower") {
  FrontEndHarness node;
  node.lead();
  node.post(ForwardedFrom{other, {{{7, {"k", "v", {}, {}, false}}}}});
  node.post(raft::ProposalsAppended{node.asked_of_raft<raft::Propose>().at(0).id, Term(1), LogIndex(1)});
  node.commit(LogIndex(1), "k", "v");
  REQUIRE(node.peers.sent.size() == 1);
  const auto& stored = std::get<wire::ForwardReplies>(node.peers.sent[0].message).replies.at(0);
  CHECK(stored.id == 7);
  CHECK(std::holds_alternative<wire::SetReply>(stored.result));
  node.follow(other, Term(2));
  node.post(ForwardedFrom{other, {{{8, {"k", "v", {}, {}, false}}}}});
  REQUIRE(node.peers.sent.size() == 2);
  const auto& refused = std::get<wire::ForwardReplies>(node.peers.sent[1].message).replies.at(0);
  CHECK(std::holds_alternative<wire::NotAppended>(refused.result));
}

TEST_CASE("finishing answers everything: what waits is UNAVAILABLE, what was appended is UNKNOWN") {
  FrontEndHarness node;
  node.lead();
  node.set("appended", "k", "v");
  node.post(raft::ProposalsAppended{node.asked_of_raft<raft::Propose>().at(0).id, Term(1), LogIndex(1)});
  node.get("read", "k");
  node.post(Finish{100ms});
  node.set("late", "k", "v");
  for (int step = 0; step < 6; ++step) {
    node.advance(20ms);
  }
  REQUIRE(node.replies.sent.size() == 3);
  for (const auto& reply : node.replies.sent) {
    const auto expected = reply.to.packed == "appended" ? wire::ErrorCode::unknown : wire::ErrorCode::unavailable;
    CHECK(std::get<wire::ErrorReply>(reply.body).code == expected);
  }
  CHECK(node.mailbox.closed());
}

TEST_CASE("a STATUS that comes while the node finishes is answered") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  node.post(Finish{1s});
  node.request("s", wire::StatusRequest());
  CHECK(node.only_reply<wire::ErrorReply>().code == wire::ErrorCode::unavailable);
}

TEST_CASE("finishing still answers OK to what is committed within its patience") {
  FrontEndHarness node;
  node.lead();
  node.set("c", "k", "v");
  node.post(raft::ProposalsAppended{node.asked_of_raft<raft::Propose>().at(0).id, Term(1), LogIndex(1)});
  node.post(Finish{1s});
  node.commit(LogIndex(1), "k", "v");
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(1));
  CHECK(node.mailbox.closed());
}

}  // namespace
}  // namespace strata::actors
