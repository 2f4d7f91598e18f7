#include <boost/json.hpp>

#include "front_end_harness.hpp"

// The two levels: what an answer says of its durability, and what waits for it.
namespace strata::actors {
namespace {

using namespace std::chrono_literals;
using test::FrontEndHarness;
using test::other;
using test::self;

FrontEndOptions at_written() {
  FrontEndOptions options;
  options.ack = Durability::written;
  return options;
}

struct Node : FrontEndHarness {
  explicit Node(FrontEndOptions options = at_written()) : FrontEndHarness(std::move(options)) {}

  void set_synced(const std::string& client, std::optional<wire::Once> once = {}) {
    request(client, wire::SetRequest{"k", "v", std::move(once), {}, true});
  }
  void get_synced(const std::string& client, const std::string& key = "k") {
    request(client, wire::GetRequest{key, false, {}, true});
  }
  // What was proposed is committed, from `first` on; nothing is known of a sync.
  void store_written(LogIndex first, Term term = Term(1)) {
    for (const Bytes& payload : append_proposed(first, term)) {
      commit_written(first, payload, term);
      first = first.next();
    }
  }
  void write(LogIndex index, const std::string& value = "v") {
    commit_written(index, kv::encode_command({"k", value}));
  }
  // Raft answers the reads that it was asked for.
  void reads_ready(LogIndex index) {
    for (const raft::Read& read : asked_of_raft<raft::Read>()) {
      post(ReadsReady{{{read.id, index}}});
    }
  }
  void durable(std::uint64_t index) { post(DurableUpTo{LogIndex(index)}); }
  std::size_t answers() const { return replies.sent.size(); }
  template <class Reply>
  const Reply& last_reply() {
    REQUIRE_FALSE(replies.sent.empty());
    return std::get<Reply>(replies.sent.back().body);
  }
  boost::json::object status(RaftStatus told = {}) {
    request("status", wire::StatusRequest());
    const auto asked = asked_of_raft<StatusWanted>();
    REQUIRE(asked.size() == 1);
    told.request = asked[0].request;
    post(told);
    return boost::json::parse(last_reply<wire::StatusReply>().json).as_object();
  }
};

TEST_CASE("a SET that is committed and not known to be durable is answered at once, as written") {
  Node node;
  node.lead();
  node.set("c", "k", "v");
  node.store_written(LogIndex(1));
  CHECK(node.only_reply<wire::SetReply>().durability == Durability::written);
}

TEST_CASE("a SET that is durable by the time of its answer is answered as synced, at written too") {
  Node node;
  node.lead();
  node.set("c", "k", "v");
  node.store_proposed(LogIndex(1));
  CHECK(node.only_reply<wire::SetReply>().durability == Durability::synced);
}

TEST_CASE("a SET with SYNCED is answered when its revision is durable, and not before") {
  Node node;
  node.lead();
  node.set_synced("c");
  node.set("d", "k", "v");
  node.store_written(LogIndex(1));
  REQUIRE(node.answers() == 1);
  CHECK(node.replies.sent[0].to.packed == "d");
  node.durable(1);
  REQUIRE(node.answers() == 2);
  CHECK(node.replies.sent[1].to.packed == "c");
  CHECK(node.last_reply<wire::SetReply>().revision == LogIndex(1));
  CHECK(node.last_reply<wire::SetReply>().durability == Durability::synced);
}

TEST_CASE("what becomes durable together with later entries is answered with them") {
  Node node;
  node.lead();
  node.set_synced("c");
  node.store_written(LogIndex(1));
  CHECK(node.answers() == 0);
  node.commit(LogIndex(2), "k", "w");
  CHECK(node.only_reply<wire::SetReply>().revision == LogIndex(1));
}

TEST_CASE("a SET with SYNCED that another member passed on waits at the leader, and is answered to that member") {
  Node node;
  node.lead();
  wire::ForwardSets sets;
  sets.sets.push_back({7, wire::SetRequest{"k", "v", {}, {}, true}});
  node.post(ForwardedFrom{other, std::move(sets)});
  node.store_written(LogIndex(1));
  CHECK(node.peers.sent.empty());
  node.durable(1);
  REQUIRE(node.peers.sent.size() == 1);
  const auto& answer = std::get<wire::ForwardReplies>(node.peers.sent[0].message).replies.at(0);
  CHECK(answer.id == 7);
  CHECK(std::get<wire::SetReply>(answer.result).durability == Durability::synced);
}

TEST_CASE("a follower passes SYNCED on, and what the leader says of the durability back") {
  Node node;
  node.follow(other);
  node.set_synced("c");
  REQUIRE(node.peers.sent.size() == 1);
  CHECK(std::get<wire::ForwardSets>(node.peers.sent[0].message).sets[0].request.synced);
  node.answer_forwarded(other, wire::SetReply{LogIndex(4), Durability::synced});
  CHECK(node.only_reply<wire::SetReply>().durability == Durability::synced);
}

TEST_CASE("a repeat waits for the durability that it asks for itself, of the write that it repeats") {
  Node node;
  node.lead();
  const wire::Once once{"client", 1, {}};
  node.request("first", wire::SetRequest{"k", "v", once, {}, false});
  node.store_written(LogIndex(1));
  CHECK(node.only_reply<wire::SetReply>().durability == Durability::written);
  node.set_synced("repeat", once);
  node.store_written(LogIndex(2));
  CHECK(node.answers() == 1);
  SUBCASE("it comes with the first one's durability, its own is not needed") {
    node.durable(1);
    REQUIRE(node.answers() == 2);
    CHECK(node.last_reply<wire::SetReply>().revision == LogIndex(1));
    CHECK(node.last_reply<wire::SetReply>().durability == Durability::synced);
    node.set_synced("again", once);
    node.store_written(LogIndex(3));
    CHECK(node.answers() == 3);
  }
  SUBCASE("a repeat that does not ask for it is answered at once") {
    node.request("again", wire::SetRequest{"k", "v", once, {}, false});
    node.store_written(LogIndex(3));
    REQUIRE(node.answers() == 2);
    CHECK(node.last_reply<wire::SetReply>().durability == Durability::written);
  }
}

TEST_CASE("with SYNCED, that an IF did not hold is told when it is durable") {
  Node node;
  node.lead();
  node.request("c", wire::SetRequest{"k", "v", {}, LogIndex(9), true});
  node.store_written(LogIndex(1));
  CHECK(node.answers() == 0);
  node.durable(1);
  CHECK(node.only_error() == wire::ErrorCode::conflict);
}

TEST_CASE("a SET with SYNCED that does not become durable in time is UNKNOWN, once") {
  Node node;
  node.lead();
  node.set_synced("c");
  node.store_written(LogIndex(1));
  node.pass(5s);
  CHECK(node.only_error() == wire::ErrorCode::unknown);
  node.durable(1);
  CHECK(node.answers() == 1);
}

TEST_CASE("when the leadership is lost, what is applied waits on, and what is not applied is UNKNOWN") {
  Node node;
  node.lead();
  node.set_synced("applied");
  node.store_written(LogIndex(1));
  node.set_synced("appended");
  node.append_proposed(LogIndex(2));
  node.follow(other, Term(2));
  REQUIRE(node.answers() == 1);
  CHECK(node.replies.sent[0].to.packed == "appended");
  CHECK(node.only_error() == wire::ErrorCode::unknown);
  node.durable(1);
  REQUIRE(node.answers() == 2);
  CHECK(node.last_reply<wire::SetReply>().revision == LogIndex(1));
}

TEST_CASE(
    "a node that stops waits for the sync as long as it may, then says UNKNOWN of a SET and UNAVAILABLE of a GET") {
  Node node;
  node.lead();
  node.set_synced("set");
  node.store_written(LogIndex(1));
  node.get_synced("get");
  node.reads_ready(LogIndex(1));
  node.post(Finish{1s});
  CHECK(node.answers() == 0);
  node.pass(1100ms);
  REQUIRE(node.answers() == 2);
  for (const wire::ClientReply& reply : node.replies.sent) {
    const bool is_set = reply.to.packed == "set";
    CHECK(std::get<wire::ErrorReply>(reply.body).code ==
          (is_set ? wire::ErrorCode::unknown : wire::ErrorCode::unavailable));
  }
}

TEST_CASE("a GET reads what is written; with SYNCED it waits until its read index is durable") {
  Node node;
  node.lead();
  node.write(LogIndex(1));
  node.get("plain", "k");
  node.reads_ready(LogIndex(1));
  CHECK(node.only_reply<wire::GetReply>().revision == LogIndex(1));
  node.get_synced("synced");
  node.get_synced("no such key", "other");
  node.reads_ready(LogIndex(1));
  CHECK(node.answers() == 1);
  node.durable(1);
  CHECK(node.answers() == 3);
}

TEST_CASE("a GET with SYNCED of a key that is written all the time gets the value of the moment when it was read") {
  Node node;
  node.follow(other);
  node.write(LogIndex(1), "one");
  node.write(LogIndex(2), "two");
  node.get_synced("c");
  node.reads_ready(LogIndex(1));
  node.write(LogIndex(3), "three");
  node.durable(1);
  CHECK(node.answers() == 0);  // what it read is newer than its read index
  node.durable(2);
  CHECK(node.only_reply<wire::GetReply>().value == "two");
  CHECK(node.only_reply<wire::GetReply>().revision == LogIndex(2));
}

TEST_CASE("a GET with SYNCED that waits for the state machine waits for the sync behind that") {
  Node node;
  node.follow(other);
  node.get_synced("c");
  node.reads_ready(LogIndex(1));
  node.write(LogIndex(1));
  CHECK(node.answers() == 0);
  node.durable(1);
  CHECK(node.only_reply<wire::GetReply>().revision == LogIndex(1));
}

TEST_CASE("a GET with SYNCED whose read index does not become durable in time is UNAVAILABLE") {
  Node node;
  node.lead();
  node.write(LogIndex(1));
  node.get_synced("c");
  node.reads_ready(LogIndex(1));
  node.pass(5s);
  CHECK(node.only_error() == wire::ErrorCode::unavailable);
}

TEST_CASE("a value that waits for a sync counts as pending, and where there is no room for it the GET is BUSY") {
  FrontEndOptions options = at_written();
  options.max_pending = 3000;
  Node node(options);
  node.lead();
  node.write(LogIndex(1), std::string(1500, 'v'));
  node.get_synced("fits");
  node.reads_ready(LogIndex(1));
  CHECK(node.front_end->pending_bytes() > 1500);
  node.get_synced("does not");
  node.reads_ready(LogIndex(1));
  REQUIRE(node.answers() == 1);
  CHECK(node.replies.sent[0].to.packed == "does not");
  CHECK(node.only_error() == wire::ErrorCode::busy);
  node.durable(1);
  CHECK(node.answers() == 2);
  CHECK(node.front_end->pending_bytes() == 0);
}

TEST_CASE("STATUS tells what is at risk: it rises with what is written and falls with what is synced") {
  Node node;
  CHECK(node.status().at("at_risk").at("entries") == 0);
  node.write(LogIndex(1));
  node.advance(300ms);
  node.write(LogIndex(2));
  boost::json::value at_risk = node.status().at("at_risk");
  CHECK(at_risk.at("entries") == 2);
  CHECK(at_risk.at("bytes").to_number<std::size_t>() > 2 * Entry::header_size);
  CHECK(at_risk.at("age_ms") == 300);
  node.durable(1);
  at_risk = node.status().at("at_risk");
  CHECK(at_risk.at("entries") == 1);
  CHECK(at_risk.at("age_ms") == 0);
  node.durable(2);
  CHECK(node.status().at("at_risk").at("entries") == 0);
  node.commit(LogIndex(3), "k", "v");  // as at synced
  CHECK(node.status().at("at_risk").at("bytes") == 0);
}

TEST_CASE("STATUS tells the generation, and of a node that may have lost something that it is recovering") {
  Node node;
  CHECK(node.status().at("generation") == 1);
  node.post(Committed{{make_entry(EntryType::new_generation, Term(1), LogIndex(1), {})}, LogIndex(1)});
  RaftStatus told;
  CHECK(node.status(told).at("role") == "follower");
  told.recovering = true;
  const boost::json::object status = node.status(told);
  CHECK(status.at("generation") == 2);
  CHECK(status.at("role") == "recovering");
}

TEST_CASE("STATUS tells whether a node takes part, and for whom it waits until it does") {
  Node node;
  RaftStatus told;
  CHECK(node.status(told).at("admission") == "member");
  CHECK(node.status(told).at("waits_for").as_array().empty());
  told.admission = Admission::rejoining;
  told.waits_for = {NodeId(1), NodeId(3)};
  CHECK(node.status(told).at("admission") == "rejoining");
  CHECK(node.status(told).at("waits_for") == boost::json::array{1, 3});
  told.admission = Admission::asking;
  CHECK(node.status(told).at("admission") == "asking");
}

TEST_CASE("a leader's STATUS tells how much of a snapshot a follower has") {
  Node node;
  RaftStatus told;
  told.peers.emplace_back();
  CHECK(node.status(told).at("peers").at(0).at("snapshot").is_null());
  raft::Progress::Transfer transfer;
  transfer.last_included = {LogIndex(7), Term(1)};
  told.peers[0].transfer = transfer;
  CHECK(node.status(told).at("peers").at(0).at("snapshot").at("of").is_null());  // nothing of it was read yet
  told.peers[0].transfer->offset = 1000;
  told.peers[0].transfer->size = 4000;
  CHECK(node.status(told).at("peers").at(0).at("snapshot") ==
        boost::json::object{{"last_index", 7}, {"bytes", 1000}, {"of", 4000}});
}

}  // namespace
}  // namespace strata::actors
