// Messages between members for tests: every kind, with every optional part present and absent.
#pragma once

#include <vector>

#include "wire/peer_protocol.hpp"

namespace strata::wire {

inline PeerEnvelope sample_envelope() {
  return {ClusterId(0x0123456789abcdef), NodeId(2), NodeId(3), Incarnation(11), Incarnation(12)};
}

inline raft::AppendEntries sample_append() {
  raft::AppendEntries append;
  append.term = Term(7);
  append.prev_log_index = LogIndex(10);
  append.prev_log_term = Term(5);
  append.leader_commit = LogIndex(9);
  append.leader_durable = LogIndex(8);
  append.round = raft::Round(77);
  append.entries.push_back(make_entry(EntryType::command, Term(5), LogIndex(11), ""));
  append.entries.push_back(make_entry(EntryType::command, Term(6), LogIndex(12), "payload"));
  append.entries.push_back(make_entry(EntryType::no_op, Term(7), LogIndex(13), ""));
  return append;
}

inline ForwardSets sample_forward() {
  ForwardSets forward;
  forward.sets.push_back({1, {"k", "", std::nullopt, std::nullopt, false}});
  forward.sets.push_back({2, {"key", "value", Once{"client", 9, LogIndex(3)}, LogIndex(4), true}});
  forward.sets.push_back({3, {"key", "value", Once{"c", 1, std::nullopt}, std::nullopt, false}});
  return forward;
}

inline ForwardReplies sample_replies() {
  ForwardReplies forward;
  forward.replies.push_back({1, NotAppended{}});
  forward.replies.push_back({2, SetReply{LogIndex(50), Durability::written}});
  forward.replies.push_back({3, ErrorReply{ErrorCode::conflict, "text", LogIndex(8)}});
  return forward;
}

inline Hello sample_hello() {
  return {{"tcp://127.0.0.1:7001", "ipc:///tmp/s"}, Durability::written, 12'345};
}

inline raft::InstallSnapshot sample_chunk(Bytes data, bool done) {
  raft::InstallSnapshot chunk;
  chunk.term = Term(7);
  chunk.round = raft::Round(78);
  chunk.chunk = raft::ChunkId(3);
  chunk.last_included = {LogIndex(10), Term(5)};
  chunk.offset = 4096;
  chunk.data = SharedBytes(std::move(data));
  chunk.done = done;
  return chunk;
}

inline std::vector<PeerMessage> sample_messages() {
  raft::AppendEntries heartbeat = sample_append();
  heartbeat.entries.clear();
  return {
      raft::Message(raft::RequestVote{Term(1), LogIndex(2), Term(3)}),
      raft::Message(raft::RequestVote{Term(1), LogIndex(2), Term(3), true}),
      raft::Message(raft::TimeoutNow{Term(5)}),
      raft::Message(raft::Introduce{Term(5), {6, Incarnation(7), 8}, 9}),
      raft::Message(raft::Introduce{Term(5), {6, Incarnation(7), 8}, 0, {10, 11}}),
      raft::Message(raft::Introduced{Term(5), 8, raft::Verdict::recorded, 6, true, {7, Incarnation(8), 9}}),
      raft::Message(
          raft::Introduced{Term(5), 8, raft::Verdict::outdated, 6, false, {10, Incarnation(11), 12}, {13, 14}}),
      raft::Message(raft::PreVote{Term(1), LogIndex(2), Term(3)}),
      raft::Message(raft::PreVoteResponse{Term(1), Term(2), true}),
      raft::Message(raft::PreVoteResponse{Term(4), Term(2), false}),
      raft::Message(raft::RequestVoteResponse{Term(1), true}),
      raft::Message(raft::RequestVoteResponse{Term(1), false}),
      raft::Message(std::move(heartbeat)),
      raft::Message(sample_append()),
      raft::Message(raft::AppendEntriesResponse{Term(1), true, raft::Round(2), LogIndex(3), LogIndex(3), LogIndex(2),
                                                LogIndex(0), Term(0)}),
      raft::Message(raft::ReadIndexRequest{Term(1), raft::ReadId(2)}),
      raft::Message(raft::ReadIndexResponse{Term(1), raft::ReadId(2), LogIndex(3)}),
      raft::Message(raft::ReadIndexResponse{Term(1), raft::ReadId(2), std::nullopt}),
      raft::Message(sample_chunk("a part of a snapshot", false)),
      raft::Message(sample_chunk("", true)),
      raft::Message(raft::InstallSnapshotResponse{Term(1), raft::Round(2), raft::ChunkId(3), 4}),
      sample_forward(),
      ForwardSets{},
      sample_replies(),
      sample_hello(),
      Hello{},
  };
}

}  // namespace strata::wire
