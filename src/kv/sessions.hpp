// The exactly-once sessions of clients (thesis, section 6.3): replicated state, bounded, forgotten in log order and
// never by a clock, so that all nodes remember the same. Pure and deterministic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "kv/command.hpp"
#include "kv/outcome.hpp"

namespace strata::kv {

// What is remembered of a client: its newest write. The outcome is never SinceNotReached.
struct Session {
  Bytes client;
  std::uint64_t number = 0;
  Outcome outcome;
  bool operator==(const Session&) const = default;
};

class Sessions {
 public:
  Sessions() = default;
  // Without a session yet, to be filled by restore().
  explicit Sessions(LogIndex last_forgotten_at) : last_forgotten_at_(last_forgotten_at) {}
  Sessions(Sessions&&) = default;
  Sessions& operator=(Sessions&&) = default;
  Sessions(const Sessions&) = delete;  // the map's keys and values point into the list
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions() = default;

  // Looked at before anything else of a write at `index`: the first one's outcome when it is a repeat, StaleNumber or
  // SinceNotReached when it must not be applied, nothing when it is new. Using a session makes it the most recently
  // used.
  //
  // An unknown client is new if it began after the last session was forgotten, by its `since`, which is the same in all
  // its writes. One that has seen a revision which the log has not reached saw what a loss of power took, and has to
  // wait: if it were remembered here and forgotten soon, its beginning would stand behind the place of that, and a
  // repeat would be taken for new.
  std::optional<Outcome> look_up(const Once& once, LogIndex index);
  // Remembers what became of a new write at `index`. A new session may push out the least recently used ones: no more
  // than `once.max_sessions` stay.
  void remember(const Once& once, LogIndex index, Outcome outcome);
  // As the most recently used one; its client must not be known yet (asserted).
  void restore(Session session);

  std::size_t size() const { return by_client_.size(); }
  bool knows(BytesView client) const { return by_client_.contains(client); }
  // The index of the write that made the last session be forgotten; 0: none ever was.
  LogIndex last_forgotten_at() const { return last_forgotten_at_; }
  // In the order of their last use, which is part of the state: restored in this order they are the same again.
  const std::list<Session>& in_order() const { return order_; }

 private:
  using Order = std::list<Session>;

  std::optional<Outcome> look_up_unknown(const Once& once, LogIndex index) const;

  Order order_;                                               // the least recently used first
  std::unordered_map<BytesView, Order::iterator> by_client_;  // the keys are views into the sessions
  LogIndex last_forgotten_at_;
};

}  // namespace strata::kv
