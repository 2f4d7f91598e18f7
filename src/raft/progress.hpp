// What a leader knows of one follower's log (Figure 2, nextIndex and matchIndex), and how much is on its way to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
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

// Always: match_synced <= match_written <= match_index < next_index. The match marks rise only, but for two
// cases: a follower that restarted and lost what it held in memory (lost_memory), and one that lost its data directory,
// of which nothing is known then.
struct Progress {
  enum class State : std::uint8_t {
    probing,      // next_index is a guess: one AppendEntries at a time until one succeeds
    replicating,  // next_index runs ahead of match_index, within the window
    snapshot,     // the entry before next_index is no longer in the leader's log: no entries, but `transfer`
  };
  // An AppendEntries with entries that is not known to be written by the follower. In rising order of `last`.
  struct InFlight {
    LogIndex last;
    std::size_t bytes;
    Round sent_in;  // the newest round begun when it was sent
  };

  // A snapshot on its way, chunk by chunk (Figure 13). One chunk at a time: it is read by the driver, sent, answered.
  struct Transfer {
    EntryId last_included;
    std::uint64_t offset = 0;           // the follower has so much of it
    std::optional<std::uint64_t> size;  // of the whole, once a chunk was read
    std::optional<ChunkId> on_its_way;  // sent and not yet answered
    TimePoint due;                      // when to send again, if nothing was heard until then
  };

  // What it had and cannot read any more is being sent again.
  struct Repair {
    LogIndex first;
    std::optional<Round> sent_in;  // the newest round begun when it was sent; nothing: it is being read
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
  Round answered;                    // newest round that it answered
  Incarnation recovering;            // what it calls itself as long as it is not sound; 0: it is
  bool disk_full = false;            // as it said last
  std::optional<Transfer> transfer;  // there is one exactly in the state `snapshot`
  std::optional<Repair> repair;

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

  // The follower needs this snapshot before it can be sent entries. What was on its way counts as gone.
  void send_snapshot(EntryId last_included, TimePoint now);
  // It has what the snapshot was for; next_index is a guess again, until the answer that says so is taken.
  void end_transfer();

  // What was on its way was lost. A guess is as good as it was.
  void send_again();

  // From now on next_index is a guess again: `next` > match_index. What was on its way counts as gone.
  void probe_from(LogIndex next);

  // The follower does not hold the entry before `first_missing` <= match_index, though it once said so: it restarted.
  // What it had synced it still has, unless even that is contradicted.
  void lost_memory(LogIndex first_missing, Round newest);

 private:
  bool all_arrived() const { return in_flight.empty() || in_flight.back().last <= match_index; }
};

}  // namespace strata::raft
