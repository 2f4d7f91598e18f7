// How much may happen in one exhaustive check: everything that could go on for ever has a bound here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/durability.hpp"

namespace strata::exhaustive {

// The most members that a scope can have: states are compared under every renaming of the members, 120 of five.
inline constexpr std::size_t max_nodes = 5;

// Where a search starts: what is rare on the way from a fresh cluster is near in one that has come so far.
enum class Start : std::uint8_t {
  fresh,  // nobody has ever done anything
  // Figure 8 of the paper, between b and c: node 1 has led in term 1 and node 2 in term 2, each with an entry of its
  // own at index 1 that has reached nobody; now node 1 leads again, in term 3. Three members, and three elections are
  // spent.
  figure_8,
  // Of three members, one has lost its disk, or two have (design, section 6, rule 6). Node 3 leads in term 1 by the
  // vote of node 2, which then loses its disk; node 3 has recorded the new one and told its term. Node 1 has heard of
  // nothing.
  vote_lost,
  // The same, but node 3 has lost its disk as well, and they have made themselves known to node 1 only.
  two_disks_lost,
  // Node 1 leads in term 1 and node 3 in term 2, by the vote of node 2, and neither has an answer to its first entry;
  // node 1 has not heard of term 2. Then node 2 loses its disk, and has rejoined.
  term_lost,
  // Node 1 leads in term 1 by the vote of node 2. Of its first entry it has written nothing yet; node 3 has written it,
  // and not synced, and its acknowledgement is on the way. Node 2 has not heard of the entry. Two stalls are spent.
  unsynced,
  // Node 1 leads in term 1 and has committed its first entry, which node 3 had written and acknowledged before it lost
  // power. Node 3 has come back recovering, has written the entry again, and not synced, and has asked for votes in
  // term 2. Node 2 has not heard of the entry. Two stalls are spent.
  unsynced_candidate,
};

struct Scope {
  Start start = Start::fresh;
  std::size_t nodes = 3;
  std::uint64_t terms = 3;         // nobody campaigns for a later one
  std::uint64_t elections = 4;     // election timers that fire, in the whole cluster
  std::uint64_t commands = 2;      // proposals, in the whole cluster
  std::uint64_t reads = 0;         // the same
  std::uint64_t crashes = 1;       // processes that die: what is written stays
  std::uint64_t power_losses = 1;  // machines that lose power: of what is not synced, any first part stays
  // Disks that are lost: the node comes back with an empty one, and rejoins (design, section 6, rule 6). With any, all
  // members begin knowing each other's directories, and every start of a node has to introduce itself.
  std::uint64_t disk_losses = 0;
  std::uint64_t beats = 1;  // heartbeats of the timer in a leader's term, besides the first
  // How often a disk may be found with work undone: its node goes on, or crashes, in the midst of it. At any other time
  // what a step hands to the disk is written, synced and reported before anything else happens at this node.
  std::uint64_t stalls = 1;
  Durability ack = Durability::synced;
  bool began_at_written = false;  // the first life of every node, whatever `ack` says of the later ones
};

}  // namespace strata::exhaustive
