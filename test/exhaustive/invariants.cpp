#include "exhaustive/invariants.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "raft/quorum.hpp"

namespace strata::exhaustive {
namespace {

bool one_leader_a_term(const Machine& one, const Machine& other) {
  return std::ranges::none_of(
      one.led(), [&other](Term term) { return std::ranges::find(other.led(), term) != other.led().end(); });
}

bool logs_match(const Machine& one, const Machine& other) {
  const auto& a = one.log();
  const auto& b = other.log();
  bool same = false;
  for (std::size_t place = std::min(a.size(), b.size()); place-- > 0;) {
    if (a[place].term == b[place].term) {
      same = true;
      if (a[place] != b[place]) {
        return false;
      }
    } else if (same) {
      return false;
    }
  }
  return true;
}

bool same_commands(const Machine& one, const Machine& other) {
  const auto& a = one.committed();
  const auto& b = other.committed();
  for (std::size_t place = 0; place < std::min(a.size(), b.size()); ++place) {
    if (a[place].first != b[place].first) {
      return false;
    }
  }
  return true;
}

// What the other had committed in an earlier term than the one that this node leads, it holds.
bool leads_with_everything(const Machine& leader, const Machine& other) {
  if (!leader.core().leading()) {
    return true;
  }
  const auto& committed = other.committed();
  const auto& log = leader.log();
  for (std::size_t place = 0; place < committed.size(); ++place) {
    const auto& [slot, in] = committed[place];
    if (in < leader.core().hard_state().term && (place >= log.size() || log[place] != slot)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> contradiction(const Machine& one, const Machine& other) {
  if (!one_leader_a_term(one, other)) {
    return "Election Safety: two leaders in one term";
  }
  if (!logs_match(one, other)) {
    return "Log Matching: two logs differ before an entry that they share";
  }
  if (!same_commands(one, other)) {
    return "State Machine Safety: two different entries were handed out as committed at one index";
  }
  if (!leads_with_everything(one, other) || !leads_with_everything(other, one)) {
    return "Leader Completeness: a leader lacks an entry that was committed in an earlier term";
  }
  return std::nullopt;
}

std::optional<std::string> uncommitted(const Machine& leader, LogIndex index, std::span<const Machine* const> members) {
  const Slot slot = leader.log()[index.value - 1];
  const bool synced = leader.core().config().ack == Durability::synced;
  const auto holders = std::ranges::count_if(members, [&](const Machine* member) {
    if (member->core().standing() == Standing::recovering) {
      return true;  // it may have held the entry, and helps to elect nobody who does not
    }
    const auto& log = synced ? member->disk().synced() : member->disk().written();
    return log.size() >= index.value && slot_of(log[index.value - 1]) == slot;
  });
  if (static_cast<std::size_t>(holders) >= raft::majority(members.size())) {
    return std::nullopt;
  }
  return fmt::format("a leader counted entry {} as committed, and {} members hold it or are recovering", index,
                     holders);
}

}  // namespace strata::exhaustive
