#include "exhaustive/scopes.hpp"

#include <algorithm>
#include <array>

namespace strata::exhaustive {
namespace {

constexpr Scope replication() {
  Scope scope = bare(2, 2);
  scope.commands = 2;
  scope.beats = 1;
  return scope;
}

constexpr Scope reads() {
  Scope scope = bare(2, 2);
  scope.commands = 1;
  scope.reads = 2;
  scope.crashes = 1;
  scope.beats = 1;
  return scope;
}

constexpr Scope late_writes() {
  Scope scope = bare(2, 2);
  scope.stalls = 2;
  return scope;
}

constexpr Scope crashes() {
  Scope scope = bare(2, 2);
  scope.crashes = 2;
  scope.stalls = 1;
  return scope;
}

constexpr Scope power_losses() {
  Scope scope = bare(1, 2);
  scope.commands = 1;
  scope.power_losses = 2;
  scope.beats = 1;
  scope.stalls = 2;
  return scope;
}

constexpr Scope figure_8() {
  Scope scope = bare(4, 4);
  scope.start = Start::figure_8;
  return scope;
}

constexpr Scope written() {
  Scope scope;
  scope.ack = Durability::written;
  return scope;
}

constexpr Scope even() {
  Scope scope;
  scope.nodes = 4;
  return scope;
}

constexpr Scope disks_lost(Start start, std::uint64_t losses) {
  Scope scope = bare(2, 2);
  scope.start = start;
  scope.disk_losses = losses;
  return scope;
}

constexpr Scope term_lost() {
  Scope scope = disks_lost(Start::term_lost, 1);
  scope.beats = 2;
  return scope;
}

// With a second loss of power both who hold the entry could lose it, which is no bug at `written`.
constexpr Scope unsynced() {
  Scope scope = bare(2, 2);
  scope.start = Start::unsynced;
  scope.ack = Durability::written;
  scope.power_losses = 1;
  scope.beats = 1;
  scope.stalls = 2;
  return scope;
}

// At `written` alone the second loss of power would leave the node recovering again, whatever it said meanwhile.
constexpr Scope level_raised() {
  Scope scope = bare(3, 3);
  scope.start = Start::unsynced_candidate;
  scope.began_at_written = true;
  scope.power_losses = 2;
  scope.stalls = 2;
  return scope;
}

constexpr std::array scopes = {
    NamedScope{"everything", "all kinds of events but reads", Scope()},
    NamedScope{"two_terms", "two elections and no fault: there are 6.5 million states", bare(2, 2)},
    NamedScope{"elections", "three terms without a command", bare(3, 3)},
    NamedScope{"replication", "two terms with commands and heartbeats, but without a fault", replication()},
    NamedScope{"figure_8", "Figure 8 of the paper: a leader returns and finds an entry of its first term in its log",
               figure_8()},
    NamedScope{"late_writes", "disks that are behind while another leader overrides what they still write",
               late_writes()},
    NamedScope{"crashes", "two processes that die, one with its disk behind", crashes()},
    NamedScope{"power_losses", "two losses of power, with disks behind", power_losses()},
    NamedScope{"reads", "linearizable reads by leaders and followers, with a crash", reads()},
    NamedScope{"written", "everything, and a majority need not have synced", written()},
    NamedScope{"vote_lost", "a node lost its disk, and its vote with it, while another may campaign",
               disks_lost(Start::vote_lost, 1)},
    NamedScope{"two_lost", "two nodes lost their disks, and that one was elected by the other",
               disks_lost(Start::two_disks_lost, 2)},
    NamedScope{"term_lost", "a node lost its disk, and that it had voted against a leader that does not know of it",
               term_lost()},
    NamedScope{"unsynced", "a loss of power at written, while an entry is acknowledged that nobody has synced",
               unsynced()},
    NamedScope{"level_raised", "a node lost power at written, and campaigns at synced with an entry that is not synced",
               level_raised()},
    NamedScope{"even", "everything with four members", even()},
};

}  // namespace

std::span<const NamedScope> named_scopes() {
  return scopes;
}

const Scope* find_scope(std::string_view name) {
  const auto found = std::ranges::find(scopes, name, &NamedScope::name);
  return found == scopes.end() ? nullptr : &found->scope;
}

}  // namespace strata::exhaustive
