// The tester of the MIT 6.824 labs (2022), on the simulator: its servers are whole production nodes on virtual time.
// What the labs call Start(command) is a SET sent straight to a server that leads; what they call an applied command is
// an entry in the server's dictionary. The labs number commands from 1; so do we, though our log also holds an entry of
// each election, which is not counted.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "mit/persisted.hpp"
#include "mit/traffic.hpp"
#include "sim/executor.hpp"
#include "sim/random.hpp"
#include "sim/world.hpp"

namespace strata::mit {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What runs beside the test, as the labs' goroutines do. Takes no references to what it may outlive.
template <class Result = void>
using Script = boost::asio::awaitable<Result>;

using Server = std::size_t;      // from 0, as in the labs
using Index = std::uint64_t;     // of a command, from 1
using Command = sim::WriteName;  // no two are alike

inline constexpr Duration election_timeout = seconds(1);  // the tester's notion of it
inline constexpr std::size_t small = 16;                  // bytes of a command's value

// A leader has appended the command; whether it is ever committed is another question.
struct Started {
  Index index = 0;
  Term term;
  Command command;
};

// By how many servers the command at an index has been applied.
struct Applied {
  std::size_t servers = 0;
  Command command;
};

enum class Retry { no, yes };

struct LabOptions {
  std::size_t max_append_bytes = 1 << 20;  // entries in one message
  std::size_t clerks = 0;
  // As sim::Plan. The labs' application takes a snapshot after so many commands, ours after so many bytes.
  std::size_t snapshot_log_size = 0;
  std::size_t segment_size = 256 << 10;
};

class Lab {
 public:
  // All servers run and are connected, the network is reliable.
  Lab(std::size_t servers, std::uint64_t seed, const LabOptions& options = {});
  // Checks that nothing was wrong, and that no more than 120 s have passed.
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  std::size_t servers() const { return connected_.size(); }
  sim::World& world() { return world_; }
  sim::Random& random() { return random_; }
  const Traffic& traffic() const { return traffic_; }
  Server any_server() { return random_.below(servers()); }
  // The server `distance` further, in a circle.
  Server after(Server server, std::size_t distance) const { return (server + distance) % servers(); }

  sim::Client& client_of_clerk(std::size_t number) { return world_.client(1 + number); }
  TimePoint now() { return world_.scheduler().now(); }

  // ---- Network and servers ----
  // A disconnected server and all others do not hear each other.
  void connect(Server server) { set_connected(server, true); }
  void disconnect(Server server) { set_connected(server, false); }
  bool is_connected(Server server) const { return connected_[server]; }
  void connect_all();
  // Servers hear those of their own side only.
  void partition(const std::vector<bool>& sides);
  // It loses power, so it keeps only what it has made persistent. It is disconnected, too.
  void crash(Server server);
  // Crashes it when it runs, starts it, leaves it disconnected.
  void restart(Server server);
  bool is_up(Server server) { return machine(server).is_up(); }
  Persisted persisted(Server server) { return look_at(machine(server).disk(), node_of(server)); }
  // Raft's state on the server that holds the most of it.
  std::size_t most_persisted();
  // Messages between servers take up to 26 ms, in any order, and of all messages, those of clients included, every
  // tenth is lost.
  void set_unreliable(bool unreliable);
  void set_long_reordering(bool on) { traffic_.set_long_reordering(on); }

  // ---- Leaders ----
  // The one in the newest term. Fails when two lead in one term, or when five seconds bring none.
  Server check_one_leader();
  void check_no_leader();
  // The term that all connected servers are in.
  Term check_terms();
  std::optional<Term> term_if_leader(Server server);
  Term term(Server server) { return machine(server).actors().core().hard_state().term; }

  // ---- Commands ----
  // Nothing when the server does not lead.
  std::optional<Started> start(Server server, std::size_t size = small);
  // The same, but whether the server takes it is not looked at.
  Command offer(Server server, std::size_t size = small);
  Applied applied(Index index);
  // A command is agreed on by at least `expected` servers, within ten seconds. Its index.
  Index one(std::size_t expected, Retry retry, std::size_t size = small);
  // Until `servers` have applied what stands at `index`. Nothing when the term `while_in` is over before that: some
  // server knows of a later one.
  std::optional<Command> wait(Index index, std::size_t servers, std::optional<Term> while_in);
  // No server has applied anything there.
  void check_nothing_at(Index index);
  // All commands that are committed, in order; a repeated one counts where it stands first.
  const std::vector<Command>& committed();
  std::vector<Command> committed_at(const Bytes& key);
  // Every server's dictionary has, of all commands up to where it has got, the last one of each key.
  void check_states();

  // ---- Time ----
  void sleep(Duration time);
  // Runs until the script has ended, and gives its result.
  template <class Result>
  Result run(Script<Result> script) {
    std::optional<Result> result;
    spawn(keep_result(std::move(script), &result));
    run_until([&result] { return result.has_value(); });
    return std::move(*result);
  }
  void spawn(Script<> script);
  // Until all that was spawned has ended.
  void join();

  // ---- The same for scripts ----
  // Adds to `all`, which must outlive the script, when the server takes the command.
  Script<> note_start(Server server, std::vector<Started>* all);
  Script<> pause(Duration time);
  Script<std::optional<Started>> start_script(Server server, std::size_t size);
  Script<Index> one_script(std::size_t expected, Retry retry, std::size_t size);
  Script<> agree_script(std::size_t expected, Retry retry);

 private:
  // What use_awaitable makes of a waiting script.
  using Waiter = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;
  struct Sleep {
    template <class Handler>
    void operator()(Handler&& handler, Lab* lab, Duration time) const {
      lab->wake_after(time, Waiter(std::forward<Handler>(handler)));
    }
  };

  template <class Result>
  static Script<> keep_result(Script<Result> script, std::optional<Result>* result) {
    *result = co_await std::move(script);
  }

  static NodeId node_of(Server server) { return NodeId(static_cast<std::uint16_t>(server + 1)); }
  sim::Machine& machine(Server server) { return world_.machine(node_of(server)); }
  void set_connected(Server server, bool connected);
  void require_well();
  void run_until(const std::function<bool()>& done);
  void wake_after(Duration time, Waiter waiter);
  std::map<Term, Server> leaders();
  std::optional<Started> find(Server server, LogIndex from, Command command);
  Index commands_up_to(Server server, LogIndex last);
  void learn_committed();
  bool has_applied(Server server, LogIndex index, const sim::CommittedSet& set);

  sim::World world_;
  sim::Random random_;
  Traffic traffic_;
  sim::SimThread tester_;
  std::map<std::uint64_t, Waiter> sleeping_;
  std::uint64_t last_sleep_ = 0;
  std::size_t scripts_ = 0;
  std::exception_ptr error_;  // of a script
  std::vector<bool> connected_;
  std::uint64_t last_key_ = 0;
  LogIndex learned_;                 // committed entries have been looked at up to here
  std::vector<Command> committed_;   // from index 1 on
  std::vector<LogIndex> positions_;  // of them, in the log
};

// The test body, once for each of some seeds: `few`, or as many as STRATA_MIT_SEEDS says.
void for_seeds(const std::function<void(std::uint64_t seed)>& body, std::uint64_t few = 5);

}  // namespace strata::mit
