// Rare places in the code, by name: the simulator counts how often each is reached, so that a test can demand that all
// of them are, and takes rare ways on purpose that the world seldom forces. Nobody watches a real node: then a mark is
// one look at a pointer, and a rare way is never taken.
//
// Pure rooms (raft, kv, wire) may mark, which changes nothing; they must not ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strata {

// In the order of the rooms; each name says what has happened.
#define STRATA_MARKS(MARK)             \
  MARK(election_after_candidacy)       \
  MARK(elected_with_flagged_votes)     \
  MARK(caught_up_after_loss)           \
  MARK(directory_recorded)             \
  MARK(directory_replaced)             \
  MARK(directory_refused)              \
  MARK(start_outdated)                 \
  MARK(joined)                         \
  MARK(rejoined)                       \
  MARK(candidate_hears_of_leader)      \
  MARK(vote_refused_for_log)           \
  MARK(vote_refused_for_other)         \
  MARK(vote_granted_again)             \
  MARK(leader_steps_down)              \
  MARK(pre_vote_refused_for_leader)    \
  MARK(pre_vote_refused_for_log)       \
  MARK(vote_refused_for_leader)        \
  MARK(leader_without_majority)        \
  MARK(election_for_transfer)          \
  MARK(transfer_out_of_time)           \
  MARK(stalled_leader_hands_over)      \
  MARK(stalled_leader_steps_down)      \
  MARK(full_leader_hands_over)         \
  MARK(leader_with_failed_disk)        \
  MARK(stalled_node_does_not_campaign) \
  MARK(no_room_on_majority)            \
  MARK(old_request_refused)            \
  MARK(append_repeated)                \
  MARK(entries_overridden)             \
  MARK(write_overridden_before_report) \
  MARK(log_too_short)                  \
  MARK(log_conflicts)                  \
  MARK(conflicting_term_skipped)       \
  MARK(follower_has_restarted)         \
  MARK(probe_after_loss)               \
  MARK(window_full)                    \
  MARK(older_terms_committed)          \
  MARK(too_much_uncommitted)           \
  MARK(fetched_after_leadership)       \
  MARK(fetched_nothing_of_use)         \
  MARK(read_waits_for_term)            \
  MARK(read_request_replaced)          \
  MARK(read_request_repeated)          \
  MARK(reads_lost_with_leadership)     \
  MARK(reads_lost_with_leader)         \
  MARK(leader_leads_no_more)           \
  MARK(snapshot_sent)                  \
  MARK(snapshot_gone_while_sent)       \
  MARK(chunk_sent_again)               \
  MARK(snapshot_begins_to_come)        \
  MARK(snapshot_replaced_on_way)       \
  MARK(snapshot_not_needed)            \
  MARK(chunk_out_of_place)             \
  MARK(snapshot_installed)             \
  MARK(stored_while_captured)          \
  MARK(set_repeated)                   \
  MARK(set_number_stale)               \
  MARK(session_forgotten)              \
  MARK(session_perhaps_forgotten)      \
  MARK(messages_held_for_two_votes)    \
  MARK(writer_behind)                  \
  MARK(writes_gathered)                \
  MARK(set_refused_for_full_disk)      \
  MARK(write_waits_for_room)           \
  MARK(fetch_outside_log)              \
  MARK(written_before_synced)          \
  MARK(spare_missing)                  \
  MARK(mailbox_full)                   \
  MARK(admission_refused)              \
  MARK(set_waits_for_leader)           \
  MARK(set_out_of_time)                \
  MARK(set_lost_with_leader)           \
  MARK(forward_lost_with_leader)       \
  MARK(forward_refused)                \
  MARK(forward_answered_late)          \
  MARK(forward_not_passed_on)          \
  MARK(read_answered_late)             \
  MARK(read_asked_again)               \
  MARK(read_waits_for_apply)           \
  MARK(stopped_with_requests)          \
  MARK(snapshot_taken)                 \
  MARK(snapshot_received)              \
  MARK(capture_goes_on)                \
  MARK(segment_cut_in_batch)           \
  MARK(segment_for_one_record)         \
  MARK(tail_written_again)             \
  MARK(torn_tail_cut)                  \
  MARK(record_behind_torn_one)         \
  MARK(temporary_segment_removed)      \
  MARK(segment_released)               \
  MARK(restart_record_read)            \
  MARK(started_from_snapshot)          \
  MARK(log_begun_anew_at_start)        \
  MARK(temporary_snapshot_removed)

// Ways that are allowed at any time and seldom needed.
#define STRATA_RARE_WAYS(WAY) \
  WAY(mailbox_is_full)        \
  WAY(admission_is_closed)    \
  WAY(writer_is_behind)       \
  WAY(spare_cannot_be_made)   \
  WAY(fetch_finds_nothing)    \
  WAY(sync_comes_early)

#define STRATA_NAME_OF(name) name,
#define STRATA_TEXT_OF(name) #name,
enum class Mark : std::uint8_t { STRATA_MARKS(STRATA_NAME_OF) };
enum class RareWay : std::uint8_t { STRATA_RARE_WAYS(STRATA_NAME_OF) };
inline constexpr std::string_view mark_names[] = {STRATA_MARKS(STRATA_TEXT_OF)};
inline constexpr std::string_view rare_way_names[] = {STRATA_RARE_WAYS(STRATA_TEXT_OF)};
#undef STRATA_NAME_OF
#undef STRATA_TEXT_OF

inline constexpr std::size_t mark_count = sizeof mark_names / sizeof mark_names[0];
inline constexpr std::size_t rare_way_count = sizeof rare_way_names / sizeof rare_way_names[0];

class RareWatcher {
 public:
  virtual ~RareWatcher() = default;
  virtual void reached(Mark mark) = 0;
  // Whether to take the rare way this time.
  virtual bool takes(RareWay way) = 0;
};

// Of this thread, which runs one world at a time; nullptr: nobody watches.
inline constinit thread_local RareWatcher* rare_watcher = nullptr;

inline void sometimes(Mark mark) {
  if (rare_watcher != nullptr) [[unlikely]] {
    rare_watcher->reached(mark);
  }
}

inline bool rarely(RareWay way) {
  return rare_watcher != nullptr && rare_watcher->takes(way);
}

}  // namespace strata
