// The front end's GETs: linearizable ones by ReadIndex, one round for all that wait (design, section 4); LOCAL and MIN
// ones from the applied state. Owned and called by the front end only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <vector>

#include "actors/durable_answers.hpp"
#include "actors/messages.hpp"
#include "actors/outbox.hpp"
#include "kv/state_machine.hpp"
#include "raft/core.hpp"

namespace strata::actors {

class ReadPath {
 public:
  ReadPath(const kv::StateMachine& state, Outbox& outbox, DurableAnswers& durable, RaftMailbox& raft)
      : state_(state), outbox_(outbox), durable_(durable), raft_(raft) {}

  // `wait_until`: how long it may wait for a leader; `deadline`: when it is answered at the latest. Out of time:
  // UNAVAILABLE.
  void take(Admitted request, wire::GetRequest get, TimePoint wait_until, TimePoint deadline);

  void on(const ReadsReady& ready);
  void on(const ReadsFailed& failed);
  void on(const raft::Leadership& leadership) { leadership_ = leadership; }
  // The state machine has moved on.
  void applied();

  // Asks Raft for a read index for everything gathered since the last call.
  void flush();
  void expire(TimePoint now);
  // Answers everything and everything new: UNAVAILABLE, the node stops.
  void refuse_all();
  bool idle() const { return waiting_.empty() && asked_.empty() && to_be_applied_.empty(); }

 private:
  struct Get {
    Admitted request;
    wire::GetRequest get;
    TimePoint wait_until;
    TimePoint deadline;
  };

  void serve_at(LogIndex index, Get get);
  void serve(LogIndex index, Get& get);
  void serve_when_durable(LogIndex index, Get& get, wire::ReplyBody body, std::size_t bytes);
  bool refuse_if(bool condition, const Get& get, std::string_view text);
  void refuse(std::vector<Get>& gets, std::string_view text);

  const kv::StateMachine& state_;
  Outbox& outbox_;
  DurableAnswers& durable_;
  RaftMailbox& raft_;
  raft::Leadership leadership_;
  bool refusing_ = false;

  std::vector<Get> waiting_;                        // for a leader
  std::map<raft::ReadId, std::vector<Get>> asked_;  // for their read index
  std::multimap<LogIndex, Get> to_be_applied_;      // for the state machine to get there
  std::uint64_t last_read_ = 0;
};

}  // namespace strata::actors
