#include "exhaustive/describe.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <type_traits>
#include <variant>

namespace strata::exhaustive {
namespace {

std::string words(const raft::RequestVote& request) {
  return fmt::format("RequestVote(term {}, last {} of term {})", request.term, request.last_log_index,
                     request.last_log_term);
}

std::string words(const raft::RequestVoteResponse& response) {
  return fmt::format("vote {} in term {}{}", response.vote_granted ? "granted" : "refused", response.term,
                     response.flagged ? ", flagged" : "");
}

std::string words(const raft::AppendEntries& request) {
  std::string entries;
  for (const Entry& entry : request.entries) {
    entries += fmt::format(" {}@{}", entry.index, entry.term);
  }
  return fmt::format("AppendEntries(term {}, after {} of term {}, commit {}, round {}.{}, entries{})", request.term,
                     request.prev_log_index, request.prev_log_term, request.leader_commit, raft::beat_of(request.round),
                     request.round.value % raft::rounds_in_beat, entries.empty() ? " none" : entries);
}

std::string words(const raft::AppendEntriesResponse& response) {
  if (response.success) {
    return fmt::format("success(term {}, matched {}, written {}, synced {})", response.term, response.matched,
                       response.written, response.synced);
  }
  return fmt::format("rejection(term {}, conflict {} of term {})", response.term, response.conflict_index,
                     response.conflict_term);
}

std::string words(const raft::Introduce& introduce) {
  const strata::Start& start = introduce.start;
  return fmt::format("Introduce(term {}, directory {}, incarnation {}, nonce {}, in the place of directory {})",
                     introduce.term, start.directory, start.incarnation, start.nonce, introduce.replaces);
}

std::string words(const raft::Introduced& answer) {
  constexpr std::array verdicts{"recorded", "known by another directory", "outdated"};
  return fmt::format("{}(term {}, nonce {}, directory {}{})", verdicts[static_cast<std::size_t>(answer.verdict)],
                     answer.term, answer.nonce, answer.directory, answer.silent ? ", is silent itself" : "");
}

template <class M>
std::string words(const M& message) {
  if constexpr (std::is_same_v<M, raft::ReadIndexRequest>) {
    return fmt::format("ReadIndexRequest(term {}, {})", message.term, message.id);
  } else if constexpr (std::is_same_v<M, raft::ReadIndexResponse>) {
    return fmt::format("ReadIndexResponse(term {}, {})", message.term, message.id);
  } else {
    return fmt::format("message of another kind (term {})", message.term);
  }
}

std::string words(const NodeStates& nodes, Event event) {
  switch (event.what()) {
    case Happening::message: {
      const Packet& packet = nodes.packet(event.number());
      return fmt::format("gets from {}: {}", packet.envelope.from,
                         std::visit([](const auto& message) { return words(message); }, packet.message));
    }
    case Happening::election_due:
      return "election timer";
    case Happening::heartbeat_due:
      return "heartbeat timer";
    case Happening::propose:
      return fmt::format("command {}", event.number());
    case Happening::read:
      return fmt::format("a read begins that must see {}", event.number());
    case Happening::disk_works:
      return "disk does its first job";
    case Happening::disk_synced:
      return fmt::format("disk syncs {} writes", event.number());
    case Happening::process_dies:
      return "process dies and starts again";
    case Happening::power_lost:
      return fmt::format("machine loses power and starts again, {} unsynced writes kept", event.number());
    case Happening::disk_lost:
      return "loses its disk and starts again, to rejoin";
    case Happening::introduces:
      return "introduces itself";
  }
  return {};
}

}  // namespace

std::string describe(const NodeStates& nodes, std::size_t node, Event event) {
  return fmt::format("node {}: {}{}", node + 1, words(nodes, event), event.stalled() ? ", and its disk stalls" : "");
}

std::string describe(const Machine& machine) {
  const raft::Core& core = machine.core();
  std::string role = "candidate";
  if (core.leading()) {
    role = "leads";
  } else if (core.role() == raft::Role::follower) {
    role = core.leader() == NodeId(0) ? "follows nobody" : fmt::format("follows {}", core.leader());
  }
  if (core.is_silent()) {
    role = core.admission() == Admission::member ? "is turned away" : "waits to be admitted";
  }
  std::string log;
  for (const Slot& slot : machine.log()) {
    log += fmt::format("{}{}", log.empty() ? "" : " ", slot.term);
  }
  return fmt::format("  -> {} in term {}, vote {}, terms of the log [{}], written {}, synced {}, commit {}{}", role,
                     core.hard_state().term, core.hard_state().vote, log, core.written(), core.synced(),
                     core.commit_index(), core.standing() == Standing::recovering ? ", recovering" : "");
}

}  // namespace strata::exhaustive
