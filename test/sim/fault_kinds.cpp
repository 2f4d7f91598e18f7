#include "sim/fault_kinds.hpp"

#include <algorithm>

namespace strata::sim {

namespace {

constexpr std::array<FaultKind, fault_kinds> kinds{{
    {Fault::drop, "drop", "messages between nodes are lost"},
    {Fault::duplicate, "duplicate", "messages arrive twice, soon after each other"},
    {Fault::delay, "delay", "messages take long, some of them very long, and hold up what follows on their lane"},
    {Fault::reorder, "reorder", "messages overtake each other on one lane"},
    {Fault::replay, "replay", "a copy of a message arrives seconds later, whatever became of the connection"},
    {Fault::old_life, "old-life", "what was sent by or to an earlier life of a node arrives in its next one"},
    {Fault::damage, "damage", "a bit of a message is flipped on its way"},
    {Fault::high_water, "high-water", "short queues: what does not fit is lost, what is sent later arrives"},
    {Fault::client_drop, "client-drop", "what clients ask and what they are answered is lost"},
    {Fault::clog, "clog", "one way between two nodes holds everything back for a while"},
    {Fault::swizzle_clog, "swizzle-clog", "some nodes are clogged one by one, and opened in another order"},
    {Fault::flap, "flap", "the connection of two nodes breaks again and again, with what is on it"},
    {Fault::dead_link, "dead-link", "a connection takes nothing any more, until its socket is built anew"},
    {Fault::isolate, "isolate", "one node is cut off from all"},
    {Fault::mute, "mute", "one node is not heard, but hears"},
    {Fault::deaf, "deaf", "one node hears nobody, but is heard"},
    {Fault::pair, "pair", "two nodes do not reach each other, all others do"},
    {Fault::halves, "halves", "two parts do not reach each other"},
    {Fault::bridge, "bridge", "two parts reach each other by no way but through one node, which sees all"},
    {Fault::ring, "ring", "each node reaches a majority, and no two the same"},
    {Fault::quorum_loss, "quorum-loss", "all reach one node only, which is not the leader (OmniPaxos)"},
    {Fault::constrained, "constrained", "the leader is cut off, all others reach one node only (OmniPaxos)"},
    {Fault::chained, "chained", "the nodes stand in a line, each reaches its neighbours (OmniPaxos)"},
    {Fault::kill, "kill", "kill -9: what was written stays"},
    {Fault::crash_in_call, "crash-in-call", "the process or the machine ends in a call to its disk, perhaps at start"},
    {Fault::clean_stop, "clean-stop", "SIGTERM, and a start later on"},
    {Fault::rolling_stop, "rolling-stop", "SIGTERM and a start, one node after the other"},
    {Fault::restart_storm, "restart-storm", "a node is killed again and again, soon after each start"},
    {Fault::pause, "pause", "a process stands still, for 1 ms to 60 s"},
    {Fault::slow_cpu, "slow-cpu", "everything that a process does takes long"},
    {Fault::power_loss, "power-loss", "of one machine: what was not synced is kept or lost sector by sector"},
    {Fault::wide_power_loss, "wide-power-loss", "of a majority of the machines, or of all"},
    {Fault::garbled_sectors, "garbled-sectors", "at a loss of power, what was being written may become garbage"},
    {Fault::short_write, "short-write", "a write takes less than it is given"},
    {Fault::slow_disk, "slow-disk", "calls to the disk take up to a second for a while"},
    {Fault::hung_disk, "hung-disk", "a disk answers nothing, for up to a minute"},
    {Fault::full_disk, "full-disk",
     "no file grows for a while; what needs it waits, and a process that starts may be unable to"},
    {Fault::failing_write, "failing-write", "a write (or the making of a file) fails, and the process gives up"},
    {Fault::failing_sync, "failing-sync", "a sync fails, and the process gives up; the next one does all that is due"},
    {Fault::failing_read, "failing-read", "a read fails, and the process gives up or does not start"},
    {Fault::forgetting_sync, "forgetting-sync",
     "a sync fails and loses what it was for; the next one says all is well"},
    {Fault::lost_write, "lost-write", "a sync leaves out a sector, and says that all is well"},
    {Fault::misdirected_write, "misdirected-write", "a sync puts a sector where another belongs"},
    {Fault::bit_rot, "bit-rot", "a bit of what was synced is flipped"},
    {Fault::replaced_disk, "replaced-disk", "a machine comes back with an empty disk, and rejoins"},
    {Fault::old_disk, "old-disk", "a machine comes back with its disk as it was before its last starts"},
    {Fault::drift, "drift", "clocks run up to a fifth too fast or too slow"},
    {Fault::clock_step, "clock-step", "a clock leaps ahead, by up to an hour, and all that is due by then rings"},
    {Fault::late_ticks, "late-ticks", "for a while all alarms of a node ring late"},
    {Fault::burst, "burst", "clients send many requests at once"},
    {Fault::hot_key, "hot-key", "for a while all clients ask for one key"},
    {Fault::reconnect_storm, "reconnect-storm", "all clients leave their connections, and all ask one node at once"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i].fault != static_cast<Fault>(i)) {
      return false;
    }
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const FaultKind, fault_kinds> all_faults() {
  return kinds;
}

std::optional<Fault> fault_named(std::string_view name) {
  const auto* found = std::ranges::find(kinds, name, &FaultKind::name);
  return found == kinds.end() ? std::nullopt : std::optional(found->fault);
}

FaultSet FaultSet::all() {
  FaultSet set;
  for (const FaultKind& kind : kinds) {
    set.add(kind.fault);
  }
  return set;
}

bool FaultWeights::any() const {
  return std::ranges::any_of(weights_, [](std::uint64_t weight) { return weight > 0; });
}

}  // namespace strata::sim
