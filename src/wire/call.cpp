#include "wire/call.hpp"

#include <variant>

namespace strata::wire {

namespace {

struct PartInRaft {
  CallPart operator()(const raft::RequestVote&) const { return CallPart::request; }
  CallPart operator()(const raft::RequestVoteResponse&) const { return CallPart::answer; }
  CallPart operator()(const raft::AppendEntries&) const { return CallPart::request; }
  CallPart operator()(const raft::AppendEntriesResponse&) const { return CallPart::answer; }
  CallPart operator()(const raft::ReadIndexRequest&) const { return CallPart::request; }
  CallPart operator()(const raft::ReadIndexResponse&) const { return CallPart::answer; }
  CallPart operator()(const raft::InstallSnapshot&) const { return CallPart::request; }
  CallPart operator()(const raft::InstallSnapshotResponse&) const { return CallPart::answer; }
  CallPart operator()(const raft::PreVote&) const { return CallPart::request; }
  CallPart operator()(const raft::PreVoteResponse&) const { return CallPart::answer; }
  CallPart operator()(const raft::TimeoutNow&) const { return CallPart::request; }
  CallPart operator()(const raft::Introduce&) const { return CallPart::request; }
  CallPart operator()(const raft::Introduced&) const { return CallPart::answer; }
};

struct Part {
  CallPart operator()(const raft::Message& message) const { return std::visit(PartInRaft(), message); }
  CallPart operator()(const ForwardSets&) const { return CallPart::request; }
  CallPart operator()(const ForwardReplies&) const { return CallPart::answer; }
  CallPart operator()(const Hello&) const { return CallPart::none; }
};

}  // namespace

CallPart call_part_of(const PeerMessage& message) {
  return std::visit(Part(), message);
}

}  // namespace strata::wire
