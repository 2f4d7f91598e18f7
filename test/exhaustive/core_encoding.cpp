#include "exhaustive/core_encoding.hpp"

#include <type_traits>
#include <variant>

#include "base/assert.hpp"

// The structured bindings name every member there is: a new one does not compile until somebody says here whether it
// decides what a core will do.

namespace strata::raft {
namespace {

using exhaustive::Encoder;

void encode(const HardState& state, Encoder& out) {
  const auto& [term, vote] = state;
  out.number(term);
  out.number(vote);
}

// `heard` decides about nothing: pre-vote is off.
void encode(const Follower& follower, Encoder& out) {
  const auto& [leader, verified, told_written, told_synced, round, heard, election_due, reads, reads_due] = follower;
  out.number(leader);
  out.number(verified);
  out.number(told_written);
  out.number(told_synced);
  out.number(round);
  out.number(reads.size());
  for (const auto& [id, request] : reads) {
    out.number(id);
    out.number(request);
  }
}

void encode(const Votes& votes, Encoder& out) {
  const auto& [granted, flagged] = votes;
  out.number(granted.size());
  for (const NodeId voter : granted) {
    out.number(voter);
    out.number(flagged.contains(voter) ? 1 : 0);
  }
}

void encode(const PreCandidate& asking, Encoder& out) {
  const auto& [follower, votes, ask_again] = asking;
  encode(follower, out);
  encode(votes, out);
}

void encode(const Candidate& candidate, Encoder& out) {
  const auto& [votes, election_due] = candidate;
  encode(votes, out);
}

void encode(const Progress& progress, Encoder& out) {
  const auto& [state, next_index, match_index, match_written, match_synced, matched_in, in_flight, in_flight_bytes,
               answered, recovering, disk_full, transfer, repair] = progress;
  STRATA_ASSERT(!disk_full && !repair);  // nothing in a check says so, or decays
  out.number(static_cast<std::uint64_t>(state));
  out.number(next_index);
  out.number(match_index);
  out.number(match_written);
  out.number(match_synced);
  out.number(matched_in);
  out.number(answered);
  out.number(recovering);
  out.number(in_flight_bytes);
  out.number(in_flight.size());
  for (const auto& [last, bytes, sent_in] : in_flight) {
    out.number(last);
    out.number(bytes);
    out.number(sent_in);
  }
}

void encode(const std::vector<PendingRead>& reads, Encoder& out) {
  out.number(reads.size());
  for (const auto& [from, id, index] : reads) {
    out.number(from);
    out.number(id);
    out.number(index);
  }
}

// `beats` decide about nothing: check-quorum is off.
void encode(const Leader& leader, Encoder& out) {
  const auto& [followers, term_start, round, heartbeat_due, beats, reads_waiting, reads_in_round, read_round,
               uncommitted_bytes, last_chunk, transfer] = leader;
  STRATA_ASSERT(!transfer);  // nothing in a check asks for one
  for (const auto& [node, progress] : followers) {
    out.number(node);
    encode(progress, out);
  }
  out.number(term_start);
  out.number(round);
  encode(reads_waiting, out);
  encode(reads_in_round, out);
  out.number(read_round ? read_round->value + 1 : 0);
  out.number(uncommitted_bytes);
}

}  // namespace

void CoreEncoding::encode(const Core& core, Encoder& out) {
  const auto& [config, hard_state, saved_hard_state, log, commit_index, written, synced, durable, writes, last_write,
               repairs, end_unknown, last_read_request, fetching, snapshot, reading, incoming, standing, incarnation,
               start, earlier_nonces, admission, neighbours, last_record, saved_record, terms_to_record,
               introductions_due, turned_away, abstains_until, disk, leader_last, role, now, random, running_out,
               running_messages, reported] = core;
  // No snapshot is ever taken in a check.
  STRATA_ASSERT(snapshot == EntryId() && reading.empty() && !incoming);
  STRATA_ASSERT(standing != Standing::abstaining);
  STRATA_ASSERT(repairs.empty() && !end_unknown);
  STRATA_ASSERT(!config.watch_disk && !disk.full && !disk.failed);  // else its times decide
  out.number(standing == Standing::recovering ? 1 : 0);
  out.number(incarnation);
  out.number(start.directory);
  out.number(start.nonce);
  out.number(earlier_nonces.size());
  for (const std::uint64_t nonce : earlier_nonces) {
    out.number(nonce);
  }
  out.number(static_cast<std::uint64_t>(admission));
  out.number(last_record.value - saved_record.value);
  out.number((terms_to_record ? 1U : 0U) + (turned_away ? 2U : 0U));
  encode_neighbours(core, out);
  out.number(leader_last ? leader_last->value + 1 : 0);
  out.number(config.self);
  raft::encode(hard_state, out);
  raft::encode(saved_hard_state, out);
  out.number(log.last_index());
  out.number(log.first_cached());
  out.number(commit_index);
  out.number(written);
  out.number(synced);
  out.number(durable);
  out.number(writes.size());  // their numbers have no gap and end with last_write
  for (const auto& [id, last, since] : writes) {
    out.number(last_write.value - id.value);
    out.number(last);
  }
  out.number(last_read_request);
  out.number(fetching.size());
  for (const NodeId peer : fetching) {
    out.number(peer);
  }
  out.number(role.index());
  std::visit([&out](const auto& of_role) { raft::encode(of_role, out); }, role);
}

// What others have told decides only as long as a node rejoins.
void CoreEncoding::encode_neighbours(const Core& core, Encoder& out) {
  for (const auto& [node, neighbour] : core.neighbours_) {
    const auto& [known, in_record, knows_us, has_known_us, told, knows_us_by] = neighbour;
    const auto& [of, start, term] = known;
    out.number(node);
    out.number(start.directory);
    out.number(start.incarnation);
    out.number(start.nonce);
    out.number(term);
    out.number(in_record <= core.saved_record_ ? 0 : core.last_record_.value - in_record.value + 1);
    out.number((knows_us ? 1U : 0U) + (has_known_us ? 2U : 0U));
    out.number(told && core.admission_ == Admission::rejoining ? told->value + 1 : 0);
    out.number(knows_us_by);
  }
}

TimePoint CoreEncoding::election_due(const Core& core) {
  if (const auto* asking = std::get_if<PreCandidate>(&core.role_)) {
    return asking->follower.election_due;
  }
  const auto* follower = std::get_if<Follower>(&core.role_);
  return follower ? follower->election_due : std::get<Candidate>(core.role_).election_due;
}

}  // namespace strata::raft
