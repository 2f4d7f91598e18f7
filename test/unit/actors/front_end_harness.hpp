// A front end with a Raft, members and clients that only keep what they are told; the test answers for them.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/front_end.hpp"
#include "kv/command.hpp"
#include "manual_ports.hpp"

namespace strata::actors::test {

inline constexpr NodeId self{1};
inline constexpr NodeId other{2};

struct FrontEndHarness {
  explicit FrontEndHarness(FrontEndOptions options = {}) {
    options.self = self;
    options.members = {{self, "tcp://a", {}}, {other, "tcp://b", {}}};
    front_end =
        std::make_unique<FrontEnd>(options, kv::StateMachine(), mailbox, raft, snapshots, clock, peers, replies);
    boost::asio::co_spawn(context, front_end->run(), boost::asio::detached);
    run();
  }
  ~FrontEndHarness() {
    mailbox.close();
    run();
  }

  void run() {
    context.restart();
    context.poll();
  }
  void post(FrontEndMessage message) {
    mailbox.post_owed(std::move(message), 0);
    run();
  }
  void request(const std::string& client, wire::RequestBody body) {
    ClientRequests batch;
    batch.requests.push_back({{client}, std::move(body)});
    post(std::move(batch));
  }
  void set(const std::string& client, const std::string& key, const std::string& value) {
    request(client, wire::SetRequest{key, value, {}, {}, false});
  }
  void get(const std::string& client, const std::string& key) {
    request(client, wire::GetRequest{key, false, {}, false});
  }
  void lead(Term term = Term(1)) { post(raft::Leadership{raft::Role::leader, term, self, true}); }
  void follow(NodeId leader, Term term = Term(1)) {
    post(raft::Leadership{raft::Role::follower, term, leader, leader != NodeId()});
  }
  void advance(Duration by) {
    clock.advance(by);
    run();
  }
  void commit(LogIndex index, BytesView key, BytesView value, Term term = Term(1)) {
    post(Committed{{make_entry(EntryType::command, term, index, kv::encode_command({key, value}))}, index});
  }
  // As at `--ack written`: nothing more is known to be synced by a majority.
  void commit_written(LogIndex index, const Bytes& payload, Term term = Term(1)) {
    post(Committed{{make_entry(EntryType::command, term, index, payload)}, LogIndex()});
  }
  // As the leader's Raft: appends what was proposed since the last call, from `first` on.
  std::vector<Bytes> append_proposed(LogIndex first, Term term = Term(1)) {
    std::vector<Bytes> payloads;
    for (raft::Propose& proposed : asked_of_raft<raft::Propose>()) {
      post(raft::ProposalsAppended{proposed.id, term, first + payloads.size()});
      std::move(proposed.payloads.begin(), proposed.payloads.end(), std::back_inserter(payloads));
    }
    return payloads;
  }
  // And commits it.
  void store_proposed(LogIndex first, Term term = Term(1)) {
    for (const Bytes& payload : append_proposed(first, term)) {
      post(Committed{{make_entry(EntryType::command, term, first, payload)}, first});
      first = first.next();
    }
  }
  // The number under which the newest forwarded SET went to `leader`.
  std::uint64_t forwarded_to(NodeId leader) {
    REQUIRE(!peers.sent.empty());
    CHECK(peers.sent.back().to == leader);
    return std::get<wire::ForwardSets>(peers.sent.back().message).sets.back().id;
  }
  void answer_forwarded(NodeId leader, decltype(wire::ForwardedReply::result) result) {
    const std::uint64_t id = forwarded_to(leader);
    post(ForwardAnswersFrom{leader, {{{id, std::move(result)}}}});
  }
  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(10)) {
      advance(std::chrono::milliseconds(10));
    }
  }

  template <class Message>
  std::vector<Message> asked_of_raft() {
    std::vector<Message> found;
    for (RaftMessage& message : raft.take()) {
      if (auto* wanted = std::get_if<Message>(&message)) {
        found.push_back(std::move(*wanted));
      }
    }
    return found;
  }
  template <class Reply>
  const Reply& only_reply() {
    REQUIRE(replies.sent.size() == 1);
    return std::get<Reply>(replies.sent.front().body);
  }
  wire::ErrorCode only_error() { return only_reply<wire::ErrorReply>().code; }

  boost::asio::io_context context{1};
  ManualClock clock;
  KeptPeers peers;
  KeptReplies replies;
  FrontEndMailbox mailbox{context.get_executor(), {}};
  RaftMailbox raft{context.get_executor(), {}};
  SnapshotMailbox snapshots{context.get_executor(), {}};
  std::unique_ptr<FrontEnd> front_end;
};

}  // namespace strata::actors::test
