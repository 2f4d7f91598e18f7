// The SETs that this node's Raft has in hand: gathered, proposed, appended, applied and answered. Owned and called by
// the SET path only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/durable_answers.hpp"
#include "actors/messages.hpp"
#include "actors/outbox.hpp"
#include "base/entry.hpp"
#include "kv/outcome.hpp"
#include "raft/core.hpp"

namespace strata::actors {

class ProposedSets {
 public:
  // `max_sessions`: what the entries say of it.
  ProposedSets(std::uint32_t max_sessions, Outbox& outbox, DurableAnswers& durable, RaftMailbox& raft)
      : max_sessions_(max_sessions), outbox_(outbox), durable_(durable), raft_(raft) {}

  // Proposed with the next flush, or before it with what makes `full_proposal` bytes: Raft takes or refuses a proposal
  // as a whole. Answered when it is applied; with SYNCED, when that is durable. At `deadline` it is UNKNOWN, unless it
  // was answered.
  void add(Admitted request, const wire::SetRequest& set, TimePoint deadline);
  void flush();

  void on(const raft::ProposalsAppended& appended);
  void on(const raft::ProposalsRefused& refused);
  // The entry was applied, with this outcome if it carries a command. Called for every entry, in order.
  void applied(const Entry& entry, const std::optional<kv::Outcome>& outcome);

  void expire(TimePoint now);
  // What was appended is UNKNOWN: its leader, this node, is none any more. (What is only proposed will be refused.)
  void lose_appended();
  // Everything is UNKNOWN: the node stops.
  void give_up();
  bool idle() const { return proposed_.empty() && appended_.empty(); }

  static constexpr std::size_t full_proposal = 1 << 20;  // bytes

 private:
  struct Pending {
    Admitted request;
    TimePoint deadline;
    bool synced = false;    // with SYNCED
    bool answered = false;  // or its answer waits for nothing but to be durable
  };
  // Proposed together, so their indexes are consecutive.
  struct Batch {
    raft::ProposalId id;
    std::vector<Pending> sets;
    TimePoint due = TimePoint::max();  // the first deadline of those that are not answered
  };
  struct Appended {
    Term term;
    LogIndex first;
    Batch batch;
    LogIndex last() const { return first + (batch.sets.size() - 1); }
  };

  void answer(Pending& set, LogIndex index, const kv::Outcome& outcome);
  wire::ReplyBody reply_of(const kv::Outcome& outcome, bool durable) const;
  void not_appended(Batch& batch, wire::ErrorCode code, std::string_view text);
  void no_room(Batch& batch);
  void unknown(Batch& batch, std::string_view text);
  void expire(Batch& batch, TimePoint now);

  std::uint32_t max_sessions_;
  Outbox& outbox_;
  DurableAnswers& durable_;
  RaftMailbox& raft_;
  raft::Propose gathered_;
  std::size_t gathered_bytes_ = 0;
  Batch gathered_batch_;
  std::uint64_t last_proposal_ = 0;
  std::deque<Batch> proposed_;
  std::deque<Appended> appended_;
};

}  // namespace strata::actors
