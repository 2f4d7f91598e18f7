#include "sim/random_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/assert.hpp"
#include "sim/faults.hpp"
#include "sim/world.hpp"

namespace strata::sim {

namespace {

constexpr std::size_t check_clients = 1;  // beside those of the plan: asks when all else is quiet

// Every request is answered by now: the node's promise, with room for a slow clock and for the way.
constexpr Duration time_for_answers = std::chrono::seconds(8);

class RandomRun {
 public:
  RandomRun(const Plan& plan, std::FILE* trace_to, Without without)
      : world_(with_check_client(plan), trace_to, without), faults_(world_) {}

  void run() {
    static_cast<void>(
        in_trouble() &&
        demand(comes_up(), Invariant::starts_and_stops, "a node does not stop in the time that it was given") &&
        enough_are_sound() && finds_leader() && goes_on() && falls_silent() &&
        replicates_until([&] { return all_committed_everywhere(); }, time_for_answers, Invariant::served_in_calm) &&
        answers_everywhere() && becomes_equal());
    if (!world_.failure()) {
      for (const NodeId node : world_.nodes()) {
        if (world_.machine(node).is_up()) {
          world_.oracles().ended(node, world_.machine(node).actors());
        }
      }
      if (const auto wrong = world_.history().check()) {
        world_.violated(Invariant::linearizable, *wrong);
      }
    }
  }

  RunReport report() {
    RunReport report;
    report.seed = world_.plan().seed;
    report.failure = world_.failure();
    report.trace_hash = world_.trace().hash();
    report.steps = world_.scheduler().steps();
    report.virtual_time = world_.elapsed();
    report.requests = world_.history().size();
    report.answered = world_.history().completed();
    report.elections = world_.oracles().elections();
    report.committed = world_.oracles().last_committed().value;
    report.lost = world_.history().lost();
    report.reached = world_.coverage().counts();
    return report;
  }

 private:
  static Plan with_check_client(Plan plan) {
    plan.clients += check_clients;
    return plan;
  }
  std::size_t load_clients() const { return world_.clients() - check_clients; }

  bool in_trouble() {
    world_.start_all();
    for (std::size_t number = 0; number < load_clients(); ++number) {
      world_.client(number).start();
    }
    world_.coverage().take_rare_ways(world_.plan().seed);
    faults_.start();
    const bool safe = world_.run_for(world_.plan().calm_at);
    world_.coverage().calm_down();
    faults_.stop();
    return safe;
  }

  // Each further step must succeed; that something else is wrong already is told by world_.fail only once.
  bool demand(bool holds, Invariant invariant, const char* otherwise) {
    if (!holds) {
      world_.violated(invariant, otherwise);
    }
    return holds;
  }

  // Those that were asked to stop when calm came have to end first.
  bool comes_up() {
    return world_.run_until(
        [&] {
          world_.start_all();
          return std::ranges::none_of(world_.core(), [&](NodeId node) { return world_.machine(node).is_stopping(); });
        },
        time_to_stop + std::chrono::seconds(1));
  }

  // Whose disk is not what it was may refuse to start. Without a majority nothing more is demanded.
  bool enough_are_sound() {
    std::vector<NodeId> sound = world_.core();
    std::erase_if(sound, [&](NodeId node) { return world_.machine(node).refuses(); });
    world_.set_core(sound);
    return sound.size() > world_.plan().nodes / 2 && enough_may_elect();
  }

  // Recovering nodes make no majority (design, section 6, rule 5), and who is damaged does not campaign: all together
  // elect somebody only when any of them may be the one.
  bool enough_may_elect() {
    std::size_t without_flag = 0;
    bool all_may_campaign = world_.core().size() == world_.plan().nodes;
    for (const NodeId node : world_.core()) {
      const Machine& machine = world_.machine(node);
      const bool recovering = machine.is_up() && machine.actors().core().standing() == Standing::recovering;
      without_flag += recovering ? 0u : 1u;
      all_may_campaign = all_may_campaign && !(machine.is_up() && machine.actors().core().is_damaged());
    }
    return without_flag > world_.plan().nodes / 2 || all_may_campaign;
  }

  // Those that came back from a loss of power abstain at first. Clocks may be slow.
  Duration longest_election() const {
    return (10 * world_.plan().election_timeout + raft::Config().abstention) * 5 / 4;
  }

  bool finds_leader() {
    // One that was paused when calm came leads no more when it hears what it has missed.
    const Duration at_most = longest_election();
    return demand(world_.run_until([&] { return world_.undisputed_leader().has_value(); }, at_most),
                  Invariant::leader_in_calm, "in calm there is no leader after ten election timeouts") &&
           replicates_until([&] { return world_.serving_leader().has_value(); }, at_most, Invariant::leader_in_calm);
  }

  // A little later nobody has a reason to campaign any more: whoever led when calm came may still have had to find out
  // that its majority is gone.
  bool goes_on() {
    const Duration all = world_.plan().end_at - world_.plan().calm_at - time_for_answers;
    const Duration settling = longest_election();
    if (!world_.run_for(settling)) {
      return false;
    }
    const std::size_t elections = world_.oracles().elections();
    return world_.run_for(all - settling) && demand(world_.oracles().elections() == elections,
                                                    Invariant::leader_in_calm, "in calm the leader does not stay");
  }

  // The nodes' own promise to answer is watched by the machines.
  bool falls_silent() {
    for (std::size_t number = 0; number < load_clients(); ++number) {
      world_.client(number).stop();
    }
    return world_.run_for(time_for_answers);
  }

  bool all_committed_everywhere() {
    const std::optional<NodeId> leader = world_.serving_leader();
    if (!leader) {
      return false;
    }
    const LogIndex last = world_.machine(*leader).actors().core().last_index();
    return std::ranges::all_of(world_.core(), [&](NodeId node) {
      return world_.machine(node).is_up() && world_.machine(node).actors().core().commit_index() == last;
    });
  }

  std::uint64_t synced_by_all() {
    std::uint64_t sum = 0;
    for (const NodeId node : world_.core()) {
      const Machine& machine = world_.machine(node);
      sum += machine.is_up() ? machine.actors().core().synced().value : 0;
    }
    return sum;
  }

  // In calm all get what the leader has, however much it is: clients that were told UNKNOWN may have left behind more
  // than a slow cluster, with an entry in a message, replicates in the time for an answer. What is asked next, of any
  // node, and the first entry of a new leader's term, have to wait for that.
  bool replicates_until(const std::function<bool()>& done, Duration something_within, Invariant invariant) {
    for (std::uint64_t before = synced_by_all(); !world_.run_until(done, something_within);) {
      const std::uint64_t now = world_.failure() ? before : synced_by_all();
      if (world_.failure() || !demand(now != before, invariant, "in calm nothing is replicated")) {
        return false;
      }
      before = now;
    }
    return true;
  }

  bool answers_everywhere() {
    Client& client = world_.client(load_clients());
    for (const NodeId node : world_.core()) {
      const bool stored = world_.settles(client, client.set(node, "last", 16), time_for_answers);
      if (!demand(stored, Invariant::served_in_calm, "in calm a SET is not stored")) {
        return false;
      }
      for (const auto& [key, revision] : world_.history().keys()) {
        if (!demand(world_.settles(client, client.get(node, key), time_for_answers), Invariant::served_in_calm,
                    "in calm a GET is not served")) {
          return false;
        }
      }
    }
    return true;
  }

  bool becomes_equal() {
    return demand(world_.run_until([&] { return world_.all_equal(); }, std::chrono::seconds(5)),
                  Invariant::equal_in_calm, "in calm the dictionaries do not become equal");
  }

  World world_;
  Faults faults_;
};

}  // namespace

Bytes encode_report(const RunReport& report) {
  Bytes bytes;
  ByteWriter writer(bytes);
  const auto virtual_time = static_cast<std::uint64_t>(report.virtual_time.count());
  for (const std::uint64_t number : {report.seed, report.trace_hash, report.steps, virtual_time, report.requests,
                                     report.answered, report.elections, report.committed, report.lost}) {
    writer.number(number);
  }
  for (const std::uint64_t count : report.reached) {
    writer.number(count);
  }
  writer.number<std::uint8_t>(report.failure ? 1 : 0);
  writer.sized(report.failure.value_or(""));
  return bytes;
}

RunReport decode_report(BytesView bytes) {
  ByteReader reader(bytes);
  RunReport report;
  report.seed = reader.number<std::uint64_t>();
  report.trace_hash = reader.number<std::uint64_t>();
  report.steps = reader.number<std::uint64_t>();
  report.virtual_time = Duration(reader.number<std::int64_t>());
  report.requests = reader.number<std::uint64_t>();
  report.answered = reader.number<std::uint64_t>();
  report.elections = reader.number<std::uint64_t>();
  report.committed = reader.number<std::uint64_t>();
  report.lost = reader.number<std::uint64_t>();
  for (std::uint64_t& count : report.reached) {
    count = reader.number<std::uint64_t>();
  }
  const bool failed = reader.number<std::uint8_t>() != 0;
  const Bytes failure(reader.sized());
  if (failed) {
    report.failure = failure;
  }
  STRATA_ASSERT(reader.finished());
  return report;
}

RunReport run_plan(const Plan& plan, std::FILE* trace_to, Without without) {
  RandomRun run(plan, trace_to, without);
  run.run();
  return run.report();
}

}  // namespace strata::sim
