#include "sim/known_starts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <variant>

#include "sim/disk_image.hpp"

namespace strata::sim {

void KnownStarts::fail(NodeId node, const std::string& what) {
  violated_(Invariant::only_known_take_part, fmt::format("node {} {}", node, what));
}

void KnownStarts::set_disk(NodeId node, const test::MemoryFiles& disk) {
  seen_[node.value].disk = &disk;
}

void KnownStarts::started(NodeId node, std::uint64_t nonce) {
  Seen& seen = seen_[node.value];
  seen.heard = {};
  seen.recorded.clear();
  if (seen.has_old_disk) {
    seen.outdated.insert(nonce);
  }
}

// Who is admitted by now is so by disks as they were up to now.
void KnownStarts::loses_disk(NodeId node) {
  for (std::uint16_t id = 1; id <= max_nodes; ++id) {
    Seen& other = seen_[id];
    if (other.disk != nullptr && !other.is_admitted && !other.has_old_disk && sim::is_admitted(*other.disk)) {
      check_admission(NodeId(id), other);
    }
  }
  Seen& seen = seen_[node.value];
  seen.is_admitted = false;
  seen.has_lost_disk = true;
  seen.has_old_disk = false;
}

void KnownStarts::gets_old_disk(NodeId node) {
  seen_[node.value].has_old_disk = true;
}

// An introduction says who the node is; a pre-vote is no promise, and need not wait until it is saved that all know it.
static bool takes_part(const raft::Message& message) {
  return !std::holds_alternative<raft::Introduce>(message) && !std::holds_alternative<raft::Introduced>(message) &&
         !std::holds_alternative<raft::PreVote>(message) && !std::holds_alternative<raft::PreVoteResponse>(message);
}

void KnownStarts::sent(NodeId from, NodeId to, const raft::Message& message) {
  Seen& seen = seen_[from.value];
  note_recorded(seen, to, message);
  if (!takes_part(message) || seen.has_old_disk) {
    return;
  }
  if (!seen.is_admitted) {
    check_admission(from, seen);
  }
  if (from != to) {
    bind(seen, message);
  }
}

// The next start may be on the disk already when what is left of this one arrives, and the node not know it yet.
void KnownStarts::note_recorded(Seen& seen, NodeId of, const raft::Message& message) {
  const auto* answer = std::get_if<raft::Introduced>(&message);
  if (answer == nullptr || answer->verdict != raft::Verdict::recorded) {
    return;
  }
  if (const auto known = durable_start(*seen.disk, of)) {
    seen.recorded.insert(known->nonce);
  }
}

void KnownStarts::bind(Seen& from, const raft::Message& message) {
  const auto* vote = std::get_if<raft::RequestVoteResponse>(&message);
  const auto* answer = std::get_if<raft::AppendEntriesResponse>(&message);
  if (vote != nullptr && vote->vote_granted) {
    from.bound_in = std::max(from.bound_in, vote->term);
  } else if (answer != nullptr && answer->success) {
    from.bound_in = std::max(from.bound_in, answer->term);
  }
}

void KnownStarts::check_admission(NodeId node, Seen& seen) {
  seen.is_admitted = true;
  const std::optional<wal::Metadata> own = durable_metadata(*seen.disk);
  if (!own || own->admission != Admission::member) {
    fail(node, "takes part, and its disk does not say that it is admitted");
    return;
  }
  for (std::uint16_t other = 1; other <= max_nodes; ++other) {
    if (other == node.value || seen_[other].disk == nullptr) {
      continue;
    }
    const auto known = durable_start(*seen_[other].disk, node);
    if (!known || known->directory != own->directory) {
      fail(node, fmt::format("takes part, and the disk of node {} does not have its data directory", other));
    }
  }
  if (seen.has_lost_disk) {
    check_return(node, seen);
  }
}

void KnownStarts::check_return(NodeId node, const Seen& seen) {
  const raft::HardState now = durable_hard_state(*seen.disk);
  if (now.term < seen.bound_in || (now.term == seen.bound_in && now.vote == NodeId())) {
    fail(node, fmt::format("takes part again in term {} with a vote for node {}; before its disk was lost it voted for "
                           "another, or acknowledged entries, in term {}",
                           now.term, now.vote, seen.bound_in));
  }
}

void KnownStarts::taken(NodeId node, const wire::PeerEnvelope& envelope) {
  Seen& seen = seen_[node.value];
  std::uint64_t& heard = seen.heard[envelope.from.value];
  if (heard == envelope.from_nonce) {
    return;
  }
  heard = envelope.from_nonce;
  if (seen_[envelope.from.value].outdated.contains(heard)) {
    fail(node, fmt::format("takes a message of node {}, whose old data directory is back", envelope.from));
  }
  const auto known = durable_start(*seen.disk, envelope.from);
  if ((!known || known->nonce != heard) && !seen.recorded.contains(heard)) {
    fail(node, fmt::format("takes a message of a start of node {} that its disk does not have", envelope.from));
  }
}

}  // namespace strata::sim
