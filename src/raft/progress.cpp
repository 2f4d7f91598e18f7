#include "raft/progress.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace strata::raft {

bool Progress::may_send(std::size_t window_messages, std::size_t window_bytes) const {
  if (state == State::snapshot || (state == State::probing && !all_arrived())) {
    return false;
  }
  return in_flight.size() < window_messages && in_flight_bytes < window_bytes;
}

void Progress::sent(LogIndex last, std::size_t bytes, Round newest) {
  STRATA_ASSERT(last >= next_index);
  in_flight.push_back({last, bytes, newest});
  in_flight_bytes += bytes;
  if (state == State::replicating) {
    next_index = last.next();
  }
}

bool Progress::acknowledge(LogIndex matched, LogIndex written, LogIndex synced, Round newest) {
  const bool news = matched > match_index || written > match_written || synced > match_synced;
  if (matched > match_index) {
    match_index = matched;
    matched_in = newest;
  }
  match_written = std::max(match_written, written);
  match_synced = std::max(match_synced, synced);
  next_index = std::max(next_index, match_index.next());
  // A probe has succeeded when all that was sent is there, or when its guess has been confirmed otherwise.
  if (state == State::probing && all_arrived() && next_index == match_index.next()) {
    state = State::replicating;
  }
  while (!in_flight.empty() && in_flight.front().last <= match_written) {
    in_flight_bytes -= in_flight.front().bytes;
    in_flight.pop_front();
  }
  return news;
}

bool Progress::lost(Round round) const {
  const auto missing = std::ranges::upper_bound(in_flight, match_index, {}, &InFlight::last);
  return missing != in_flight.end() && beat_of(round) >= beat_of(std::max(missing->sent_in, matched_in)) + 2;
}

void Progress::send_snapshot(EntryId last_included, TimePoint now) {
  probe_from(next_index);
  state = State::snapshot;
  transfer = Transfer{last_included, 0, std::nullopt, std::nullopt, now};
}

void Progress::end_transfer() {
  state = State::probing;
  transfer.reset();
}

void Progress::send_again() {
  probe_from(state == State::probing ? next_index : match_index.next());
}

void Progress::probe_from(LogIndex next) {
  STRATA_ASSERT(next > match_index);
  end_transfer();
  next_index = next;
  while (!all_arrived()) {
    in_flight_bytes -= in_flight.back().bytes;
    in_flight.pop_back();
  }
}

void Progress::lost_memory(LogIndex first_missing, Round newest) {
  STRATA_ASSERT(first_missing <= match_index);
  match_index = first_missing > match_synced ? match_synced : LogIndex(0);
  match_written = match_synced = match_index;
  matched_in = newest;
  in_flight.clear();
  in_flight_bytes = 0;
  probe_from(match_index.next());
}

}  // namespace strata::raft
