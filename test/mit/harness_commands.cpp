// What the tester does with commands.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "kv/command.hpp"
#include "mit/harness.hpp"

namespace strata::mit {

// A key for each command: so every server's dictionary shows which of them it has applied, and where.
Command Lab::offer(Server server, std::size_t size) {
  const sim::Client::Number number =
      world_.client(0).set(node_of(server), fmt::format("command-{}", ++last_key_), size);
  return sim::write_name(1, number);
}

// Its place in the log of the server, if it is there behind `from`.
std::optional<Started> Lab::find(Server server, LogIndex from, Command command) {
  const raft::Log& log = machine(server).actors().core().log();
  for (LogIndex index = std::max(from.next(), log.first_cached()); index <= log.last_index(); index = index.next()) {
    const Entry entry = log.entry(index);
    if (entry.type == EntryType::command) {
      const auto decoded = kv::decode_command(entry.payload());
      if (decoded && sim::name_in(decoded->value) == command) {
        return Started{commands_up_to(server, index), entry.term, command};
      }
    }
  }
  return std::nullopt;
}

// What is not committed is in memory, and of what is committed everybody knows the same.
Index Lab::commands_up_to(Server server, LogIndex last) {
  learn_committed();
  const raft::Core& core = machine(server).actors().core();
  const LogIndex committed = std::min(core.commit_index(), last);
  const auto behind = std::ranges::upper_bound(positions_, committed);
  auto count = static_cast<Index>(behind - positions_.begin());
  for (LogIndex index = committed.next(); index <= last; index = index.next()) {
    count += core.log().entry(index).type == EntryType::command ? 1u : 0u;
  }
  return count;
}

Script<std::optional<Started>> Lab::start_script(Server server, std::size_t size) {
  if (!machine(server).leads()) {
    co_return std::nullopt;
  }
  const LogIndex last = machine(server).actors().core().last_index();
  const Command command = offer(server, size);
  for (int poll = 0; poll < 200; ++poll) {
    co_await pause(std::chrono::microseconds(500));
    if (!machine(server).leads()) {
      break;
    }
    if (const auto started = find(server, last, command)) {
      co_return started;
    }
  }
  co_return std::nullopt;
}

std::optional<Started> Lab::start(Server server, std::size_t size) {
  return run(start_script(server, size));
}

Script<> Lab::note_start(Server server, std::vector<Started>* all) {
  const std::optional<Started> started = co_await start_script(server, small);
  if (started) {
    all->push_back(*started);
  }
}

void Lab::learn_committed() {
  const sim::Oracles& oracles = world_.oracles();
  while (learned_ < oracles.last_committed()) {
    learned_ = learned_.next();
    if (const sim::CommittedSet* set = oracles.committed(learned_)) {
      committed_.push_back(set->name);
      positions_.push_back(learned_);
    }
  }
}

const std::vector<Command>& Lab::committed() {
  learn_committed();
  return committed_;
}

std::vector<Command> Lab::committed_at(const Bytes& key) {
  learn_committed();
  std::vector<Command> found;
  for (const LogIndex position : positions_) {
    if (const sim::CommittedSet* set = world_.oracles().committed(position); set->key == key) {
      found.push_back(set->name);
    }
  }
  return found;
}

void Lab::check_states() {
  learn_committed();
  for (Server server = 0; server < servers(); ++server) {
    std::map<Bytes, LogIndex> newest;
    for (const LogIndex position : positions_) {
      if (is_up(server) && position <= machine(server).actors().state().applied()) {
        newest[world_.oracles().committed(position)->key] = position;
      }
    }
    for (const auto& [key, position] : newest) {
      has_applied(server, position, *world_.oracles().committed(position));
    }
  }
}

// The dictionary itself must say so: the labs' check that no two servers apply different commands at one index.
bool Lab::has_applied(Server server, LogIndex index, const sim::CommittedSet& set) {
  if (!is_up(server) || machine(server).actors().state().applied() < index) {
    return false;
  }
  const kv::Item* stored = machine(server).actors().state().dictionary().find(set.key);
  const bool same = stored != nullptr && stored->revision == index && sim::name_in(stored->value) == set.name;
  CHECK_MESSAGE(same, "server ", server, " has applied something else at ", index.value);
  return same;
}

Applied Lab::applied(Index index) {
  learn_committed();
  if (index > committed_.size()) {
    return {};
  }
  const LogIndex position = positions_[index - 1];
  const sim::CommittedSet* set = world_.oracles().committed(position);
  Applied found{0, set->name};
  for (Server server = 0; server < servers(); ++server) {
    found.servers += has_applied(server, position, *set) ? 1u : 0u;
  }
  return found;
}

void Lab::check_nothing_at(Index index) {
  CHECK(applied(index).servers == 0);
}

Script<Index> Lab::one_script(std::size_t expected, Retry retry, std::size_t size) {
  const TimePoint end = world_.scheduler().now() + seconds(10);
  Server next = 0;
  while (world_.scheduler().now() < end) {
    std::optional<Started> started;
    for (std::size_t tried = 0; tried < servers() && !started; ++tried) {
      const Server server = next;
      next = after(next, 1);
      if (is_connected(server)) {
        started = co_await start_script(server, size);
      }
    }
    if (!started) {
      co_await pause(milliseconds(50));
      continue;
    }
    const TimePoint patience = world_.scheduler().now() + seconds(2);
    while (world_.scheduler().now() < patience) {
      const Applied now = applied(started->index);
      if (now.servers >= expected && now.command == started->command) {
        co_return started->index;
      }
      co_await pause(milliseconds(20));
    }
    REQUIRE_MESSAGE(retry == Retry::yes, "a command is not agreed on, and may not be offered again");
  }
  FAIL("a command is not agreed on within ten seconds");
  co_return 0;
}

Index Lab::one(std::size_t expected, Retry retry, std::size_t size) {
  return run(one_script(expected, retry, size));
}

Script<> Lab::agree_script(std::size_t expected, Retry retry) {
  co_await one_script(expected, retry, small);
}

std::optional<Command> Lab::wait(Index index, std::size_t expected, std::optional<Term> while_in) {
  Duration pause = milliseconds(10);
  for (int poll = 0; poll < 30 && applied(index).servers < expected; ++poll) {
    sleep(pause);
    pause = pause < seconds(1) ? 2 * pause : pause;
    for (Server server = 0; server < servers(); ++server) {
      if (while_in && is_up(server) && term(server) > *while_in) {
        return std::nullopt;
      }
    }
  }
  const Applied now = applied(index);
  REQUIRE(now.servers >= expected);
  return now.command;
}

}  // namespace strata::mit
