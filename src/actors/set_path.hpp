// The front end's SETs, from admission to the answer: waiting for a leader, proposed to Raft, appended, or forwarded to
// the leader (design, section 4). Owned and called by the front end only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/messages.hpp"
#include "actors/outbox.hpp"
#include "base/durability.hpp"
#include "kv/outcome.hpp"
#include "raft/core.hpp"

namespace strata::actors {

struct SetPathSettings {
  NodeId self;
  Incarnation incarnation;
  Durability ack = Durability::synced;
  std::uint32_t max_sessions = 1;  // what the entries appended here say of it
};

class SetPath {
 public:
  // Forwarded SETs are numbered afresh in each incarnation: a late answer to an earlier life must fit none of this
  // one's.
  SetPath(SetPathSettings settings, Outbox& outbox, RaftMailbox& raft)
      : settings_(settings), outbox_(outbox), raft_(raft), last_forwarded_(settings.incarnation.value << 40) {}

  // `wait_until`: how long it may wait for a leader (then UNAVAILABLE); `deadline`: when it is answered at the latest.
  void take(Admitted request, wire::SetRequest set, TimePoint wait_until, TimePoint deadline);

  void on(const raft::ProposalsAppended& appended);
  void on(const raft::ProposalsRefused& refused);
  void on(ForwardAnswersFrom& answers);
  // What waited goes on; what was in the hands of a leader that is lost becomes UNKNOWN.
  void on(const raft::Leadership& leadership);
  // The entry was applied, with this outcome if it carries a command. Called for every entry, in order.
  void applied(const Entry& entry, const std::optional<kv::Outcome>& outcome);

  // Sends on what waits, if it can go now, and hands the proposals gathered since the last call to Raft.
  void flush();
  // Answers what is out of time.
  void expire(TimePoint now);
  // The node stops: what has not been appended or forwarded is UNAVAILABLE, and from now on so is everything new.
  void refuse_new();
  // Answers everything that is left: UNKNOWN.
  void give_up();
  bool idle() const { return waiting_.empty() && proposed_.empty() && appended_.empty() && forwarded_.empty(); }

 private:
  struct Waiting {
    Admitted request;
    wire::SetRequest set;
    TimePoint wait_until;
    TimePoint deadline;
  };
  // Proposed together, so their indexes are consecutive; `deadline` is that of the first.
  struct Proposed {
    raft::ProposalId id;
    TimePoint deadline;
    std::vector<Admitted> requests;
    std::size_t answered = 0;  // so many of them, from the front
  };
  struct Appended {
    LogIndex first;
    Proposed batch;
    LogIndex last() const { return first + (batch.requests.size() - 1); }
  };

  bool leads() const { return leadership_.role == raft::Role::leader && leadership_.ready; }
  // To whom a SET of a client is passed on; 0: nobody.
  NodeId forward_to() const;
  void route(Waiting waiting);
  void propose(Waiting& waiting);
  void forward(Waiting waiting);
  void route_waiting();
  wire::ReplyBody reply_of(const kv::Outcome& outcome) const;
  void answer_rest(Proposed& batch, wire::ErrorCode code, std::string_view text);

  SetPathSettings settings_;
  Outbox& outbox_;
  RaftMailbox& raft_;
  raft::Leadership leadership_;
  bool refusing_ = false;

  std::deque<Waiting> waiting_;
  raft::Propose gathered_;
  Proposed gathered_requests_;
  std::uint64_t last_proposal_ = 0;
  std::deque<Proposed> proposed_;
  std::deque<Appended> appended_;
  std::map<std::uint64_t, Waiting> forwarded_;  // by the number it was forwarded under
  std::uint64_t last_forwarded_;
};

}  // namespace strata::actors
