// The front end's SETs, from admission to the answer: waiting for a leader, in the hands of this node's Raft, or
// forwarded to the leader (design, section 4). Owned and called by the front end only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>

#include "actors/durable_answers.hpp"
#include "actors/messages.hpp"
#include "actors/outbox.hpp"
#include "actors/proposed_sets.hpp"
#include "base/entry.hpp"
#include "kv/outcome.hpp"
#include "raft/core.hpp"

namespace strata::actors {

class SetPath {
 public:
  // `nonce`: random, of this start. Forwarded SETs are numbered from it on: a late answer to an earlier start, even to
  // one on a data directory that is lost, must fit none of this one's.
  SetPath(NodeId self, std::uint64_t nonce, std::uint32_t max_sessions, Outbox& outbox, DurableAnswers& durable,
          RaftMailbox& raft)
      : self_(self), outbox_(outbox), proposed_(max_sessions, outbox, durable, raft), last_forwarded_(nonce / 2) {}

  // `wait_until`: how long it may wait for a leader (then UNAVAILABLE), not beyond `deadline`: when it is answered at
  // the latest.
  void take(Admitted request, wire::SetRequest set, TimePoint wait_until, TimePoint deadline);

  void on(const raft::ProposalsAppended& appended) { proposed_.on(appended); }
  void on(const raft::ProposalsRefused& refused) { proposed_.on(refused); }
  void on(ForwardAnswersFrom& answers);
  // What waited goes on. What was in the hands of a leader that is lost becomes UNKNOWN; but a forwarded ONCE goes to
  // the next leader: its number makes a second copy harmless.
  void on(const raft::Leadership& leadership);
  // The entry was applied, with this outcome if it carries a command. Called for every entry, in order.
  void applied(const Entry& entry, const std::optional<kv::Outcome>& outcome) { proposed_.applied(entry, outcome); }

  // Sends on what waits, if it can go now, and hands the proposals gathered since the last call to Raft.
  void flush();
  // Answers what is out of time, and lets go on what came back.
  void expire(TimePoint now);
  // The node stops: what has not been appended or forwarded is UNAVAILABLE, and from now on so is everything new.
  void refuse_new();
  // Answers everything that is left: UNKNOWN.
  void give_up();
  bool idle() const { return waiting_.empty() && returned_.empty() && forwarded_.empty() && proposed_.idle(); }

 private:
  struct Waiting {
    Admitted request;
    wire::SetRequest set;
    TimePoint wait_until;
    TimePoint deadline;
  };

  bool leads() const { return leadership_.role == raft::Role::leader && leadership_.ready; }
  // To whom a SET of a client is passed on; 0: nobody.
  NodeId forward_to() const;
  void route(Waiting waiting);
  void forward(Waiting waiting);
  void settle(Waiting waiting, wire::ForwardedReply& answer);
  void come_back(Waiting waiting);
  void perhaps_appended(Waiting waiting, std::string_view text);
  void let_returned_go_on();

  NodeId self_;
  Outbox& outbox_;
  ProposedSets proposed_;
  raft::Leadership leadership_;
  bool refusing_ = false;

  std::deque<Waiting> waiting_;  // for a leader
  // Came back from a leader. They go on with the next tick or news of a leader: two members that disagree about who
  // leads must not toss them to and fro as fast as the network can.
  std::deque<Waiting> returned_;
  std::map<std::uint64_t, Waiting> forwarded_;  // by the number it was forwarded under
  std::uint64_t last_forwarded_;
};

}  // namespace strata::actors
