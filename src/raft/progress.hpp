// What a leader knows of one follower's log (Figure 2, nextIndex and matchIndex), and how much is on its way to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/ids.hpp"
#include "raft/messages.hpp"

namespace strata::raft {

// Rounds are begun by the heartbeat timer and, as often as they come, for reads. The timer's go in large strides, so
// the number of a round says between which beats of the timer it began.
inline constexpr std::uint64_t rounds_in_beat = 1 << 20;
constexpr std::uint64_t beat_of(Round round) {
  return round.value / rounds_in_beat;
}
constexpr Round first_round_of_next_beat(Round round) {
  return Round((beat_of(round) + 1) * rounds_in_beat);
}

// Always: match_synced <= match_written <= match_index < next_index. The match marks rise only, but for one case: a
// follower that restarted and lost what it held in memory (lost_memory).
struct Progress {
  enum class State : std::uint8_t {
    probing,      // next_index is a guess: one AppendEntries at a time until one succeeds
    replicating,  // next_index runs ahead of match_index, within the window
  };
  // An AppendEntries with entries that is not known to be written by the follower. In rising order of `last`.
  struct InFlight {
    LogIndex last;
    std::size_t bytes;
    Round sent_in;  // the newest round begun when it was sent
  };

  // A follower of which nothing is known yet: `next` is the guess.
  explicit Progress(LogIndex next) : next_index(next) {}

  State state = State::probing;
  LogIndex next_index;
  LogIndex match_index;    // Figure 2: known to be replicated (in the follower's memory at least)
  LogIndex match_written;  // in its kernel
  LogIndex match_synced;   // on its stable storage
  Round matched_in;        // the newest round begun when match_index last changed
  std::deque<InFlight> in_flight;
  std::size_t in_flight_bytes = 0;
  Round answered;  // newest round that it answered

  // One more AppendEntries with entries may be sent.
  bool may_send(std::size_t window_messages, std::size_t window_bytes) const;
  // One was sent, from next_index to `last`. `newest`: the newest round begun.
  void sent(LogIndex last, std::size_t bytes, Round newest);

  // A successful answer; old ones, which say less than is known, change nothing. True when a match mark rose.
  // matched >= written >= synced.
  bool acknowledge(LogIndex matched, LogIndex written, LogIndex synced, Round newest);

  // The follower has answered `round`. True when something that was sent two beats of the timer before that round, or
  // earlier, has still not reached its memory, and nothing else has since: it was lost on the way.
  bool lost(Round round) const;

  // From now on next_index is a guess again: `next` > match_index. What was on its way counts as gone.
  void probe_from(LogIndex next);

  // The follower does not hold the entry before `first_missing` <= match_index, though it once said so: it restarted.
  // What it had synced it still has, unless even that is contradicted.
  void lost_memory(LogIndex first_missing, Round newest);

 private:
  bool all_arrived() const { return in_flight.empty() || in_flight.back().last <= match_index; }
};

}  // namespace strata::raft
