// The members' side of the bridge: what is taken and what is refused, and connections that come back.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "bridge_support.hpp"
#include "net/peer_transport.hpp"

namespace strata::net {
namespace {

const ClusterId cluster(0xc1);

// Endpoints without ports, so that no two tests can meet.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/bridge-XXXXXX";
    STRATA_ASSERT(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string path_of(std::uint64_t node) const { return path_ + "/" + std::to_string(node); }
  std::string endpoint_of(std::uint64_t node) const { return "ipc://" + path_of(node); }

 private:
  std::string path_;
};

// One of two members, 1 and 2.
class Member {
 public:
  Member(const Directory& directory, std::uint16_t id, Incarnation incarnation, actors::MailboxLimits limits = {})
      : Member(directory, id, Start{0, incarnation}, {}, limits) {}
  // `known`: of the other.
  Member(const Directory& directory, std::uint16_t id, const Start& start, const std::vector<KnownMember>& known,
         actors::MailboxLimits limits = {}, const std::function<void(PeerTransportOptions&)>& adjust = {})
      : raft_(loop_.executor(), limits),
        front_end_(loop_.executor(), limits),
        other_(static_cast<std::uint16_t>(3 - id)) {
    PeerTransportOptions options;
    options.cluster = cluster;
    options.self = NodeId(id);
    options.listen = directory.endpoint_of(id);
    options.peers[other_] = directory.endpoint_of(other_.value);
    options.hello.client_endpoints = {"tcp://host:" + std::to_string(id)};
    options.hello_interval = std::chrono::milliseconds(200);
    options.silence = std::chrono::milliseconds(500);
    if (adjust) {
      adjust(options);
    }
    loop_.call([&] {
      auto opened = PeerTransport::open(context_, loop_.executor(), options, logger_);
      STRATA_ASSERT(opened.has_value());
      transport_ = std::move(*opened);
      transport_->start(start, known, raft_, front_end_);
    });
  }

  ~Member() {
    loop_.run(transport_->stop());
    loop_.call([&] { transport_.reset(); });
  }

  // Sends `message` to the other member.
  void send(wire::PeerMessage message) {
    std::vector<actors::PeerSend> batch;
    batch.push_back({other_, std::move(message)});
    transport_->send(std::move(batch));
  }

  // Sends again and again until `arrived` holds: messages may be lost.
  bool send_until(const wire::PeerMessage& message, const std::function<bool()>& arrived) {
    return loop_.wait_for([&] {
      send(message);
      return arrived();
    });
  }

  bool wait_for(std::function<bool()> condition) { return loop_.wait_for(std::move(condition)); }

  // Whether what has come since the last question holds `predicate`. Drops it.
  template <class Wanted>
  bool raft_got(const std::function<bool(const Wanted&)>& predicate) {
    return loop_.call([&] {
      bool found = false;
      auto batch = raft_.take();
      for (actors::RaftMessage& message : batch) {
        for (const raft::Received& received : std::get<actors::PeerMessages>(message).messages) {
          const auto* wanted = std::get_if<Wanted>(&received.message);
          found = found || (received.from == other_ && wanted != nullptr && predicate(*wanted));
        }
      }
      return found;
    });
  }
  template <class Wanted>
  std::optional<Wanted> front_end_got() {
    return loop_.call([&] {
      std::optional<Wanted> found;
      auto batch = front_end_.take();
      for (actors::FrontEndMessage& message : batch) {
        if (auto* wanted = std::get_if<Wanted>(&message)) {
          found = std::move(*wanted);
        }
      }
      return found;
    });
  }

  MemoryLogger& logger() { return logger_; }
  PeerTransportCounters counters() {
    return loop_.call([&] { return transport_->counters(); });
  }

 private:
  MemoryLogger logger_;
  Context context_;
  Loop loop_;
  actors::RaftMailbox raft_;
  actors::FrontEndMailbox front_end_;
  NodeId other_;
  std::unique_ptr<PeerTransport> transport_;
};

const wire::PeerMessage vote_request = raft::Message(raft::RequestVote{Term(4), LogIndex(2), Term(3)});
bool is_vote_request(const raft::RequestVote& vote) {
  return vote.term == Term(4);
}
bool reaches(Member& from, Member& to) {
  return from.send_until(vote_request, [&] { return to.raft_got<raft::RequestVote>(is_vote_request); });
}

// Numbered from `first` on.
wire::ForwardSets forwarded_sets(std::uint64_t first, std::size_t count, std::size_t value_size) {
  wire::ForwardSets forward;
  for (std::size_t i = 0; i < count; ++i) {
    forward.sets.push_back({first + i, {"key", Bytes(value_size, 'v'), std::nullopt, std::nullopt, false}});
  }
  return forward;
}

// With fresh numbers each time: what was forwarded before is not taken.
bool forward_until(Member& from, std::size_t count, std::size_t value_size, const std::function<bool()>& arrived) {
  std::uint64_t next = 1;
  return from.wait_for([&] {
    from.send(forwarded_sets(next, count, value_size));
    next += count;
    return arrived();
  });
}

TEST_CASE("messages for Raft come to Raft, with their sender, whichever lane they take") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  Member two(directory, 2, Incarnation(1));
  CHECK(reaches(one, two));
  CHECK(reaches(two, one));
  raft::AppendEntries append;
  append.term = Term(1);
  append.entries.push_back(make_entry(EntryType::command, Term(1), LogIndex(1), Bytes(100'000, 'p')));
  CHECK(one.send_until(raft::Message(append), [&] {
    return two.raft_got<raft::AppendEntries>(
        [](const raft::AppendEntries& got) { return got.entries.at(0).payload() == Bytes(100'000, 'p'); });
  }));
}

TEST_CASE("what members say besides comes to the front end") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  Member two(directory, 2, Incarnation(1));
  std::optional<actors::HelloFrom> hello;
  CHECK(one.wait_for([&] { return (hello = two.front_end_got<actors::HelloFrom>()).has_value(); }));
  CHECK(hello->from == NodeId(1));
  CHECK(hello->hello.client_endpoints == std::vector<std::string>{"tcp://host:1"});

  std::optional<actors::ForwardedFrom> sets;
  CHECK(forward_until(one, 2, 10, [&] { return (sets = two.front_end_got<actors::ForwardedFrom>()).has_value(); }));
  CHECK(sets->sets.sets.size() == 2);
  CHECK(sets->from == NodeId(1));

  wire::ForwardReplies replies;
  replies.replies.push_back({1, wire::NotAppended{}});
  std::optional<actors::ForwardAnswersFrom> answers;
  CHECK(
      two.send_until(replies, [&] { return (answers = one.front_end_got<actors::ForwardAnswersFrom>()).has_value(); }));
  CHECK(answers->replies.replies.size() == 1);
}

TEST_CASE("a large batch of forwarded SETs is sent in several messages") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  Member two(directory, 2, Incarnation(1));
  REQUIRE(reaches(one, two));
  const auto before = two.counters().received;
  std::optional<actors::ForwardedFrom> sets;
  CHECK(forward_until(one, 100, 100 << 10,
                      [&] { return (sets = two.front_end_got<actors::ForwardedFrom>()).has_value(); }));
  CHECK(sets->sets.sets.size() == 10);
  CHECK(one.wait_for([&] { return two.counters().received >= before + 10; }));
}

TEST_CASE("SETs that the front end's mailbox refuses are answered: not appended") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  Member two(directory, 2, Incarnation(1), {.messages = 1, .bytes = 1 << 20});
  // Its only place is taken by a hello that nobody takes out.
  std::optional<actors::ForwardAnswersFrom> answers;
  CHECK(forward_until(one, 3, 10,
                      [&] { return (answers = one.front_end_got<actors::ForwardAnswersFrom>()).has_value(); }));
  REQUIRE(answers->replies.replies.size() == 3);
  for (const wire::ForwardedReply& reply : answers->replies.replies) {
    CHECK(std::holds_alternative<wire::NotAppended>(reply.result));
  }
  CHECK(two.counters().dropped > 0);
}

TEST_CASE("a member that comes back with the next incarnation is heard again") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  {
    Member two(directory, 2, Incarnation(1));
    CHECK(reaches(one, two));
    CHECK(reaches(two, one));
  }
  Member two(directory, 2, Incarnation(2));
  CHECK(reaches(one, two));
  CHECK(reaches(two, one));
  CHECK(one.logger().has("member 2 is heard, incarnation 2"));
}

TEST_CASE("a member that comes back with an earlier incarnation is refused") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  {
    Member two(directory, 2, Incarnation(2));
    CHECK(reaches(two, one));
  }
  Member two(directory, 2, Incarnation(1));
  CHECK(two.send_until(vote_request, [&] { return one.logger().has("it is of incarnation 1 of its sender"); }));
}

TEST_CASE("a start is heard once it was said to be recorded; until then it can introduce itself") {
  Directory directory;
  const Start start_of_1{11, Incarnation(1), 21};
  const Start first{12, Incarnation(1), 22};
  const Start next{12, Incarnation(2), 23};
  const std::vector<KnownMember> knows_1{{NodeId(1), start_of_1, Term()}};
  Member one(directory, 1, start_of_1, {{NodeId(2), first, Term()}});
  {
    Member two(directory, 2, first, knows_1);
    CHECK(reaches(one, two));
    CHECK(reaches(two, one));
  }
  Member two(directory, 2, next, knows_1);
  const auto asks_again = [](const raft::RequestVote& vote) { return vote.term == Term(5); };
  CHECK(two.send_until(raft::Message(raft::RequestVote{Term(5), LogIndex(2), Term(3)}),
                       [&] { return one.logger().has("of a start of node 2 that is not recorded, incarnation 2"); }));
  CHECK_FALSE(one.raft_got<raft::RequestVote>(asks_again));
  CHECK(two.send_until(raft::Message(raft::Introduce{Term(1), next, 0, {22}}), [&] {
    return one.raft_got<raft::Introduce>([&](const raft::Introduce& got) { return got.start == next; });
  }));
  const raft::Introduced recorded{Term(1), next.nonce, raft::Verdict::recorded, next.directory, false, start_of_1};
  CHECK(one.send_until(raft::Message(recorded), [&] {
    return two.raft_got<raft::Introduced>(
        [](const raft::Introduced& got) { return got.verdict == raft::Verdict::recorded; });
  }));
  CHECK(reaches(two, one));
  CHECK(reaches(one, two));
}

TEST_CASE("a member that stops because the other disagrees has told it why, although its first hello was refused") {
  Directory directory;
  const Start start_of_1{11, Incarnation(1), 21};
  const Start first{12, Incarnation(1), 22};
  const Start next{12, Incarnation(2), 23};
  Member one(directory, 1, start_of_1, {{NodeId(2), first, Term()}});
  {
    std::atomic<bool> outvoted = false;
    Member two(directory, 2, next, {{NodeId(1), start_of_1, Term()}}, {}, [&](PeerTransportOptions& options) {
      options.hello.max_sessions = 7;
      options.hello_interval = std::chrono::hours(1);
      options.on_disagreement = [&](const Error&) { outvoted = true; };
    });
    CHECK(one.wait_for([&] { return one.logger().has("of a start of node 2 that is not recorded"); }));
    const raft::Introduced recorded{Term(1), next.nonce, raft::Verdict::recorded, next.directory, false, start_of_1};
    CHECK(one.send_until(raft::Message(recorded), [&] { return outvoted.load(); }));
  }
  CHECK(one.wait_for([&] { return one.logger().has("member 2 disagrees: --max-sessions is 7 there"); }));
}

TEST_CASE("what is not a message between members is refused and harms no member") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  Member two(directory, 2, Incarnation(1));
  REQUIRE(reaches(two, one));
  zmq::context_t context;
  PlainClient stranger(context, directory.endpoint_of(1));
  const wire::PeerEnvelope from_stranger{cluster, NodeId(9), NodeId(1), Incarnation(1), Incarnation(0)};
  wire::PeerEnvelope from_elsewhere{ClusterId(1), NodeId(2), NodeId(1), Incarnation(9), Incarnation(0)};
  const std::vector<std::vector<Bytes>> poor = {
      {""},
      {Bytes(100'000, 'x')},
      {encode_peer_message(from_stranger, vote_request)},
      {encode_peer_message(from_elsewhere, vote_request)},
      {encode_peer_message(from_elsewhere, vote_request), "more"},
      std::vector<Bytes>(1000, "x"),
  };
  for (const std::vector<Bytes>& message : poor) {
    REQUIRE(stranger.send(message));
  }
  CHECK(two.wait_for([&] { return one.counters().refused == poor.size(); }));
  CHECK(reaches(two, one));
  CHECK(one.logger().has("refused a message at " + directory.endpoint_of(1)));
}

TEST_CASE("messages to a member that is not there are lost, not kept for its return") {
  Directory directory;
  Member one(directory, 1, Incarnation(1));
  for (int i = 0; i < 100; ++i) {
    one.send(raft::Message(raft::RequestVote{Term(1000), LogIndex(1), Term(1)}));
  }
  CHECK(one.wait_for([&] { return one.counters().lost >= 100; }));
  Member two(directory, 2, Incarnation(1));
  CHECK(one.send_until(vote_request, [&] {
    bool early = false;
    const bool arrived = two.raft_got<raft::RequestVote>([&](const raft::RequestVote& vote) {
      early = early || vote.term == Term(1000);
      return is_vote_request(vote);
    });
    CHECK(!early);
    return arrived;
  }));
}

// Accepts whoever connects to `path`, answers with bytes that are no ZeroMQ, until it was done `times` times.
void answer_with_garbage(const std::string& path, int times) {
  boost::asio::io_context context;
  boost::asio::local::stream_protocol::acceptor acceptor(context, path);
  for (int i = 0; i < times; ++i) {
    boost::asio::local::stream_protocol::socket socket(context);
    acceptor.accept(socket);
    const Bytes garbage = Bytes("\xff\0\0\0\0\0\0\0\1\x7f\3\0NOSUCH", 18) + Bytes(1000, '\0');
    boost::system::error_code gone;
    boost::asio::write(socket, boost::asio::buffer(garbage), gone);
  }
}

TEST_CASE("connections that a protocol error ended for good are built anew") {
  Directory directory;
  std::jthread poor([&] { answer_with_garbage(directory.path_of(2), 3); });
  Member one(directory, 1, Incarnation(1));
  poor.join();
  std::filesystem::remove(directory.path_of(2));
  Member two(directory, 2, Incarnation(1));
  CHECK(reaches(one, two));
  CHECK(one.counters().rebuilt > 0);
}

TEST_CASE("an endpoint that cannot be used is an error that names it") {
  MemoryLogger logger;
  Context context;
  Loop loop;
  const auto error_of = [&](const std::string& own, const std::string& other) {
    return loop.call([&] {
      PeerTransportOptions options;
      options.self = NodeId(1);
      options.listen = own;
      options.peers[NodeId(2)] = other;
      return PeerTransport::open(context, loop.executor(), options, logger).error();
    });
  };
  CHECK(error_of("nowhere", "tcp://127.0.0.1:1").text.find("nowhere") != std::string::npos);
  CHECK(error_of("tcp://127.0.0.1:*", "somewhere").text.find("member 2 at somewhere") != std::string::npos);
}

}  // namespace
}  // namespace strata::net
