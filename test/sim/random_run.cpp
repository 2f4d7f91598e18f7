#include "sim/random_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/faults.hpp"
#include "sim/world.hpp"

namespace strata::sim {

namespace {

constexpr std::size_t check_clients = 1;  // beside those of the plan: asks when all else is quiet

// Every request is answered by now: the node's promise, with room for a slow clock and for the way.
constexpr Duration time_for_answers = std::chrono::seconds(8);

class RandomRun {
 public:
  RandomRun(const Plan& plan, std::FILE* trace_to) : world_(with_check_client(plan), trace_to), faults_(world_) {}

  void run() {
    static_cast<void>(in_trouble() && demand(comes_up(), "a node does not stop in the time that it was given") &&
                      finds_leader() && goes_on() && falls_silent() && answers_everywhere() && becomes_equal());
    if (!world_.failure()) {
      if (const auto wrong = world_.history().check()) {
        world_.fail(*wrong);
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
    faults_.start();
    const bool safe = world_.run_for(world_.plan().calm_at);
    faults_.stop();
    return safe;
  }

  // Each further step must succeed; that something else is wrong already is told by world_.fail only once.
  bool demand(bool holds, const char* otherwise) {
    if (!holds) {
      world_.fail(otherwise);
    }
    return holds;
  }

  // Those that were asked to stop when calm came have to end first.
  bool comes_up() {
    return world_.run_until(
        [&] {
          world_.start_all();
          return std::ranges::none_of(world_.nodes(), [&](NodeId node) { return world_.machine(node).is_stopping(); });
        },
        time_to_stop + std::chrono::seconds(1));
  }

  bool finds_leader() {
    const Duration at_most = 10 * world_.plan().election_timeout * 5 / 4;  // clocks may be slow
    return demand(world_.run_until([&] { return world_.serving_leader().has_value(); }, at_most),
                  "in calm there is no serving leader after ten election timeouts");
  }

  bool goes_on() { return world_.run_for(world_.plan().end_at - world_.plan().calm_at - time_for_answers); }

  // The nodes' own promise to answer is watched by the machines.
  bool falls_silent() {
    for (std::size_t number = 0; number < load_clients(); ++number) {
      world_.client(number).stop();
    }
    return world_.run_for(time_for_answers);
  }

  bool answers_everywhere() {
    Client& client = world_.client(load_clients());
    for (const NodeId node : world_.nodes()) {
      const bool stored = world_.settles(client, client.set(node, "last", 16), time_for_answers);
      if (!demand(stored, "in calm a SET is not stored")) {
        return false;
      }
      for (const auto& [key, revision] : world_.history().keys()) {
        if (!demand(world_.settles(client, client.get(node, key), time_for_answers), "in calm a GET is not served")) {
          return false;
        }
      }
    }
    return true;
  }

  bool becomes_equal() {
    return demand(world_.run_until([&] { return world_.all_equal(); }, std::chrono::seconds(5)),
                  "in calm the dictionaries do not become equal");
  }

  World world_;
  Faults faults_;
};

}  // namespace

RunReport run_plan(const Plan& plan, std::FILE* trace_to) {
  RandomRun run(plan, trace_to);
  run.run();
  return run.report();
}

}  // namespace strata::sim
