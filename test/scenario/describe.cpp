#include "scenario/describe.hpp"

#include <fmt/format.h>

#include <chrono>
#include <variant>

namespace strata::scenario {

using namespace raft;

std::string name_of(LogIndex index, Term term) {
  return index == LogIndex(0) ? "0" : fmt::format("{}:t{}", index, term);
}

std::string describe(const Entry& entry) {
  const std::string name = name_of(entry.index, entry.term);
  if (entry.type == EntryType::no_op) {
    return name + " no-op";
  }
  if (entry.type == EntryType::new_generation) {
    return name + " new generation";
  }
  return entry.payload().empty() ? name : fmt::format("{} \"{}\"", name, entry.payload());
}

std::string describe(const std::vector<Entry>& entries) {
  constexpr std::size_t few = 4;
  if (entries.size() > few) {
    return fmt::format("{} … {}", describe(entries.front()), describe(entries.back()));
  }
  std::string text;
  for (const Entry& entry : entries) {
    text += (text.empty() ? "" : ", ") + describe(entry);
  }
  return text;
}

std::string describe(const HardState& state) {
  return state.vote == NodeId(0) ? fmt::format("term {}, no vote", state.term)
                                 : fmt::format("term {}, vote for {}", state.term, state.vote);
}

std::string describe(const Leadership& leadership) {
  switch (leadership.role) {
    case Role::leader:
      return fmt::format("leader of term {}{}", leadership.term, leadership.ready ? ", serves" : "");
    case Role::pre_candidate:
      return fmt::format("pre-candidate in term {}", leadership.term);
    case Role::candidate:
      return fmt::format("candidate in term {}", leadership.term);
    case Role::follower:
      break;
  }
  return leadership.leader == NodeId(0) ? fmt::format("follower in term {}, knows no leader", leadership.term)
                                        : fmt::format("follows {} in term {}", leadership.leader, leadership.term);
}

// ---- Random numbers ----

// The election timeout is the base and the random number modulo the base (raft/election.cpp); requests for read indexes
// begin at half the first random number (raft/reads.cpp). A multiple of the base keeps the two apart.
static constexpr std::uint64_t base = static_cast<std::uint64_t>(Config().election_timeout.count());
static constexpr std::uint64_t requests_of_a_life = base * 1024;

std::uint64_t later_random(NodeId node) {
  constexpr std::uint64_t step = 10'000'000;  // nanoseconds
  return (node.value - 1U) * step;
}

std::uint64_t first_random(NodeId node, Incarnation life) {
  return life.value * requests_of_a_life + later_random(node);
}

// "1.2": the second request of the first life.
static std::string name_of_request(NodeId node, ReadId id) {
  const std::uint64_t life = id.value * 2 / requests_of_a_life;
  return fmt::format("{}.{}", life, id.value - first_random(node, Incarnation(life)) / 2);
}

// "2" for the second beat of the timer, "2.1" for the first round of reads behind it.
static std::string name_of_round(Round round) {
  const std::uint64_t within = round.value % rounds_in_beat;
  return within == 0 ? fmt::format("{}", beat_of(round)) : fmt::format("{}.{}", beat_of(round), within);
}

// ---- Messages ----

namespace {

struct InFull {
  NodeId from;
  NodeId to;

  std::string operator()(const RequestVote& request) const {
    return fmt::format("request_vote term {}, log ends at {}{}", request.term,
                       name_of(request.last_log_index, request.last_log_term),
                       request.leadership_transfer ? ", as the leader asks" : "");
  }
  std::string operator()(const TimeoutNow& order) const { return fmt::format("timeout_now term {}", order.term); }
  std::string operator()(const Introduce& introduce) const {
    return fmt::format("introduce term {}, incarnation {}", introduce.term, introduce.start.incarnation);
  }
  std::string operator()(const Introduced& answer) const {
    return fmt::format("introduced term {}, verdict {}", answer.term, static_cast<int>(answer.verdict));
  }
  std::string operator()(const PreVote& request) const {
    return fmt::format("pre_vote term {}, log ends at {}", request.term,
                       name_of(request.last_log_index, request.last_log_term));
  }
  std::string operator()(const PreVoteResponse& response) const {
    return fmt::format("pre_vote_answer {} term {}, asked in term {}", response.vote_granted ? "granted" : "refused",
                       response.term, response.asked);
  }
  std::string operator()(const RequestVoteResponse& response) const {
    return fmt::format("vote {} term {}", response.vote_granted ? "granted" : "refused", response.term);
  }
  std::string operator()(const AppendEntries& request) const {
    const std::string entries = request.entries.empty() ? "" : fmt::format("[{}], ", describe(request.entries));
    return fmt::format("{} term {}, after {}, {}commit {}, round {}", kind_of(request), request.term,
                       name_of(request.prev_log_index, request.prev_log_term), entries, request.leader_commit,
                       name_of_round(request.round));
  }
  std::string operator()(const AppendEntriesResponse& response) const {
    const std::string round = name_of_round(response.round);
    if (response.success) {
      const std::string safe = response.synced == response.matched
                                   ? std::string("all synced")
                                   : fmt::format("written {}, synced {}", response.written, response.synced);
      return fmt::format("success term {}, matched {}, {}, round {}", response.term, response.matched, safe, round);
    }
    if (response.conflict_index == LogIndex(0)) {
      return fmt::format("refused term {}, round {}", response.term, round);
    }
    const std::string there = response.conflict_term == Term(0)
                                  ? std::string("the log ends before")
                                  : fmt::format("conflict with term {}", response.conflict_term);
    return fmt::format("conflict term {}, {}, try {}, round {}", response.term, there, response.conflict_index, round);
  }
  std::string operator()(const ReadIndexRequest& request) const {
    return fmt::format("read_index term {}, request {}", request.term, name_of_request(from, request.id));
  }
  std::string operator()(const ReadIndexResponse& response) const {
    return fmt::format("read_index answer term {}, request {}, {}", response.term, name_of_request(to, response.id),
                       response.read_index ? fmt::format("index {}", *response.read_index) : "refused");
  }
  std::string operator()(const InstallSnapshot& chunk) const {
    return fmt::format("install_snapshot term {}, chunk {}, up to {}, bytes {} to {}{}, round {}", chunk.term,
                       chunk.chunk, name_of(chunk.last_included.index, chunk.last_included.term), chunk.offset,
                       chunk.offset + chunk.data.size(), chunk.done ? ", done" : "", name_of_round(chunk.round));
  }
  std::string operator()(const InstallSnapshotResponse& response) const {
    return fmt::format("install_snapshot answer term {}, chunk {}, has {} bytes, round {}", response.term,
                       response.chunk, response.offset, name_of_round(response.round));
  }
};

struct Kind {
  std::string operator()(const RequestVote&) const { return "request_vote"; }
  std::string operator()(const RequestVoteResponse&) const { return "vote"; }
  std::string operator()(const PreVote&) const { return "pre_vote"; }
  std::string operator()(const TimeoutNow&) const { return "timeout_now"; }
  std::string operator()(const Introduce&) const { return "introduce"; }
  std::string operator()(const Introduced&) const { return "introduced"; }
  std::string operator()(const PreVoteResponse&) const { return "pre_vote_answer"; }
  std::string operator()(const AppendEntries& request) const {
    return request.entries.empty() ? "heartbeat" : "append_entries";
  }
  std::string operator()(const AppendEntriesResponse&) const { return "answer"; }
  std::string operator()(const ReadIndexRequest&) const { return "read_index"; }
  std::string operator()(const ReadIndexResponse&) const { return "read_index_answer"; }
  std::string operator()(const InstallSnapshot&) const { return "install_snapshot"; }
  std::string operator()(const InstallSnapshotResponse&) const { return "install_snapshot_answer"; }
};

struct InShort {
  std::string operator()(const TimeoutNow&) const { return "timeout_now"; }
  std::string operator()(const Introduce&) const { return "introduce"; }
  std::string operator()(const Introduced&) const { return "introduced"; }
  std::string operator()(const PreVote& request) const { return fmt::format("pre_vote term {}", request.term); }
  std::string operator()(const PreVoteResponse& response) const {
    return fmt::format("pre_vote {}", response.vote_granted ? "granted" : "refused");
  }
  std::string operator()(const RequestVote& request) const { return fmt::format("request_vote term {}", request.term); }
  std::string operator()(const RequestVoteResponse& response) const {
    return fmt::format("vote {}", response.vote_granted ? "granted" : "refused");
  }
  std::string operator()(const AppendEntries& request) const {
    return request.entries.empty() ? "heartbeat" : fmt::format("append_entries [{}]", describe(request.entries));
  }
  std::string operator()(const AppendEntriesResponse& response) const {
    if (response.success) {
      return fmt::format("success, matched {}", response.matched);
    }
    return response.conflict_index == LogIndex(0) ? "refused" : "conflict";
  }
  std::string operator()(const ReadIndexRequest&) const { return "read_index"; }
  std::string operator()(const ReadIndexResponse&) const { return "read_index answer"; }
  std::string operator()(const InstallSnapshot& chunk) const {
    return fmt::format("install_snapshot chunk {}", chunk.chunk);
  }
  std::string operator()(const InstallSnapshotResponse& response) const {
    return fmt::format("install_snapshot has {} bytes", response.offset);
  }
};

}  // namespace

std::string describe(NodeId from, NodeId to, const Message& message) {
  return std::visit(InFull{from, to}, message);
}

std::string summary(const Message& message) {
  return std::visit(InShort(), message);
}

std::string kind_of(const Message& message) {
  return std::visit(Kind(), message);
}

std::vector<std::string_view> kinds_of_messages() {
  return {"request_vote",
          "vote",
          "append_entries",
          "heartbeat",
          "answer",
          "read_index",
          "read_index_answer",
          "install_snapshot",
          "install_snapshot_answer",
          "pre_vote",
          "pre_vote_answer",
          "timeout_now"};
}

}  // namespace strata::scenario
