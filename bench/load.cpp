// bench/load: the load generator. The command line, and what is printed.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>

#include "bench/load_run.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"
#include "bench/spawned_cluster.hpp"
#include "tool/app.hpp"

namespace strata::bench {
namespace {

using std::chrono::steady_clock;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler stores it

struct CommandLine {
  LoadOptions options;
  std::string endpoints;
  std::string node_flags;
  unsigned batch = 1;
};

const std::map<std::string, Distribution> distributions = {
    {"uniform", Distribution::uniform}, {"zipf", Distribution::zipf}, {"sequential", Distribution::sequential}};

void describe_load(CLI::App& app, LoadOptions& options) {
  app.add_option("--connections", options.connections, "connections to the leader")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--pipeline", options.pipeline, "requests in flight on each (closed loop)")
      ->check(CLI::Range(1, 50'000))
      ->capture_default_str();
  tool::add_duration(app, "--duration", options.duration, "10s", "how long to measure");
  app.add_option("--operations", options.operations, "measure this many operations instead");
  tool::add_duration(app, "--warmup", options.warmup, "0", "run this long before measuring");
  app.add_option("--rate", options.rate, "an open loop: begin so many operations a second, whatever becomes of them")
      ->check(CLI::PositiveNumber);
  tool::add_duration(app, "--timeout", options.timeout, "5s", "of a request");
}

void describe_workload(CLI::App& app, WorkloadOptions& workload) {
  app.add_option("--key-space", workload.key_space, "how many keys there are")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
      ->capture_default_str();
  tool::add_size(app, "--key-size", workload.key_size, "16", "of each key, at most 1024");
  tool::add_size(app, "--value-size", workload.value_size, "100", "of each value");
  app.add_option("--distribution", workload.distribution, "of the keys: uniform, zipf or sequential")
      ->transform(CLI::CheckedTransformer(distributions))
      ->type_name("NAME")
      ->default_str("uniform");
  app.add_option("--read-ratio", workload.read_ratio, "share of GETs")->check(CLI::Range(0.0, 1.0));
  app.add_option("--seed", workload.seed, "another seed, other operations")->capture_default_str();
}

void describe(CLI::App& app, CommandLine& line) {
  app.add_option("--endpoints", line.endpoints, "nodes to begin with, separated by commas; the others are learned")
      ->type_name("E,E,...")
      ->default_str("tcp://127.0.0.1:7001");
  describe_load(app, line.options);
  describe_workload(app, line.options.workload);
  app.add_option("--batch", line.batch, "operations in a message: only 1 yet")->capture_default_str();
  app.add_flag("--verify", line.options.verify, "read every acknowledged key at the end; exit 1 if anything is lost");
  app.add_option("--spawn", line.options.spawn, "start a cluster of so many nodes for the run")
      ->check(CLI::Range(1, 9));
  app.add_option("--spawn-dir", line.options.spawn_dir, "where its data goes, for the time of the run")
      ->type_name("DIR");
  app.add_option("--node-flags", line.node_flags, "for the nodes it starts, in one argument");
  app.add_option("--json", line.options.json_file, "write the result there; - is standard output")->type_name("FILE");
  app.add_option("--histogram", line.options.histogram_file, "write the latencies there, as HdrHistogram (.hgrm, ms)")
      ->type_name("FILE");
}

void check(const CommandLine& line) {
  const WorkloadOptions& workload = line.options.workload;
  if (line.batch != 1) {
    throw tool::UsageError(fmt::format("--batch {}: not yet; only 1 operation in a message", line.batch));
  }
  if (workload.key_size > 1024 || workload.key_size <= digits_needed(workload.key_space)) {
    throw tool::UsageError(fmt::format("--key-size {}: for --key-space {} it takes {} to 1024", workload.key_size,
                                       workload.key_space, digits_needed(workload.key_space) + 1));
  }
  if (std::uint64_t{line.options.connections} * line.options.pipeline > 60'000) {
    throw tool::UsageError("--connections times --pipeline: at most 60000 requests in flight");
  }
  if (line.options.verify && workload.key_space > 100'000'000) {
    throw tool::UsageError("--verify: for a --key-space of at most 100000000");
  }
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    found.push_back(word);
  }
  return found;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A line on the terminal that is written anew each second.
class LiveLine {
 public:
  explicit LiveLine(Recorder& recorder) : recorder_(recorder), start_(steady_clock::now()), last_(start_) {}
  ~LiveLine() { clear(); }

  void update() {
    const Time now = steady_clock::now();
    if (!terminal_ || now - last_ < std::chrono::seconds(1)) {
      return;
    }
    const std::uint64_t count = recorder_.take_interval(latency_);
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    fmt::print(stderr, "\r\x1b[K{}",
               live_line(std::chrono::duration<double>(now - start_).count(), static_cast<double>(count) / elapsed,
                         latency_, recorder_.errors()));
  }
  void clear() {
    if (terminal_) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }

 private:
  Recorder& recorder_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const Time start_;
  Time last_;
  Histogram latency_;
};

void wait_until_ready(client::Client& client, const SpawnedCluster* cluster) {
  const auto outcome = client.get("ready?");
  if (outcome.ok()) {
    return;
  }
  throw std::runtime_error(outcome.error().text + (cluster == nullptr ? "" : "\n" + cluster->last_words()));
}

client::Options client_options(const LoadOptions& options, std::chrono::nanoseconds timeout) {
  return {.endpoints = options.endpoints,
          .connections = options.connections,
          .request_timeout = timeout,
          .connect_timeout = timeout};
}

Report run(const LoadOptions& options, const SpawnedCluster* cluster) {
  constexpr std::chrono::seconds readiness_timeout{15};
  {
    client::Client client(client_options(options, readiness_timeout));
    wait_until_ready(client, cluster);
  }
  client::Client client(client_options(options, options.timeout));
  Report report;
  std::optional<LiveLine> live;
  const auto nodes_cpu = [&] { return cluster == nullptr ? 0 : cluster->cpu_seconds(); };
  const auto account = [&](double sign) {
    report.client_cpu_seconds += sign * own_cpu_seconds();
    report.nodes_cpu_seconds += sign * nodes_cpu();
  };
  LoadRun load(options, client,
               {.watch =
                    [&] {
                      live->update();
                      return interrupted.load();
                    },
                .begun = [&] { account(-1); },
                .ended = [&] { account(+1); }});
  live.emplace(load.recorder());
  load.run();
  if (options.verify) {
    report.verified = load.verify();
  }
  report.measured = load.recorder().result();
  return report;
}

void write_file(const std::string& path, const std::string& text) {
  if (path == "-") {
    fmt::print("{}", text);
    return;
  }
  std::ofstream file(path);
  file << text;
  if (!file.flush()) {
    throw std::runtime_error(fmt::format("{} cannot be written", path));
  }
}

int run_and_print(LoadOptions options) {
  std::unique_ptr<SpawnedCluster> cluster;
  if (options.spawn > 0) {
    const auto own = std::filesystem::read_symlink("/proc/self/exe");
    const auto binary = own.parent_path().parent_path() / "kv-node";
    cluster = std::make_unique<SpawnedCluster>(binary, options.spawn, options.spawn_dir, options.node_flags);
    options.endpoints = cluster->endpoints();
  }
  const Report report = run(options, cluster.get());
  if (options.json_file != "-") {
    fmt::print("{}", table(report, options));
  }
  if (!options.json_file.empty()) {
    write_file(options.json_file, json(report, options));
  }
  if (!options.histogram_file.empty()) {
    constexpr double ns_per_ms = 1e6;
    write_file(options.histogram_file, report.measured.latency.hgrm(ns_per_ms));
  }
  return report.measured.operations > 0 && (!report.verified || report.verified->good()) ? 0 : 1;
}

void stop_on_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted.store(true); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace
}  // namespace strata::bench

int main(int count, char** arguments) {
  using namespace strata::bench;
  CLI::App app("Puts load on a Strata cluster and says how it fared.", "load");
  CommandLine line;
  describe(app, line);
  if (const auto status = strata::tool::parse_command_line(app, count, arguments, "load")) {
    return *status;
  }
  try {
    check(line);
    line.options.endpoints = strata::tool::split_list(line.endpoints.empty() ? "tcp://127.0.0.1:7001" : line.endpoints);
    line.options.node_flags = words(line.node_flags);
    stop_on_signals();
    return run_and_print(line.options);
  } catch (const strata::tool::UsageError& error) {
    fmt::print(stderr, "load: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "load: {}\n", error.what());
    return 1;
  }
}
