// What is known to be durable, that is on stable storage of a majority, and the answers that wait for it: those of
// SETs and GETs with SYNCED. Owned by the front end, called by it and by its paths only.
#pragma once

#include <map>

#include "actors/outbox.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/client_protocol.hpp"

namespace strata::actors {

class DurableAnswers {
 public:
  struct Answer {
    Admitted request;
    wire::ReplyBody body;
    TimePoint deadline;
    wire::ErrorCode otherwise = wire::ErrorCode::unknown;  // answered at the deadline
  };

  explicit DurableAnswers(Outbox& outbox) : outbox_(outbox) {}

  // What this node has applied is durable up to here at least.
  LogIndex up_to() const { return up_to_; }
  bool covers(LogIndex index) const { return index <= up_to_; }
  // Gives the answers that waited for it. An index below up_to() changes nothing.
  void rise(LogIndex up_to);

  // The answer is given when `index`, which this node has applied, is durable. Who leads meanwhile does not matter:
  // what is applied is committed.
  void hold(LogIndex index, Answer answer);
  void expire(TimePoint now);
  // The node stops: whatever waits gets its error.
  void give_up();
  bool idle() const { return held_.empty(); }

 private:
  Outbox& outbox_;
  LogIndex up_to_;
  std::multimap<LogIndex, Answer> held_;
  TimePoint due_ = TimePoint::max();  // no deadline of those that wait is earlier
};

}  // namespace strata::actors
