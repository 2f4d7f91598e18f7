// The language, and its commands for nodes, disks and clients.
#include <fmt/format.h>

#include <utility>

#include "scenario/describe.hpp"
#include "scenario/interpreter.hpp"

namespace strata::scenario {

using namespace raft;

const std::map<std::string, Interpreter::Command, std::less<>> Interpreter::commands{
    {"nodes", &Interpreter::make_nodes},  {"given", &Interpreter::given},
    {"crash", &Interpreter::crash},       {"lose-power", &Interpreter::lose_power},
    {"start", &Interpreter::start},       {"disk", &Interpreter::disk},
    {"write", &Interpreter::write},       {"sync", &Interpreter::sync},
    {"snapshot", &Interpreter::snapshot}, {"propose", &Interpreter::propose},
    {"read", &Interpreter::read},         {"campaign", &Interpreter::campaign},
    {"elect", &Interpreter::elect},       {"beat", &Interpreter::beat},
    {"wake", &Interpreter::wake},         {"time", &Interpreter::time},
    {"run", &Interpreter::run},           {"deliver", &Interpreter::deliver},
    {"drop", &Interpreter::drop},         {"duplicate", &Interpreter::duplicate},
    {"hold", &Interpreter::hold},         {"release", &Interpreter::release},
    {"forge", &Interpreter::forge},       {"cut", &Interpreter::cut},
    {"heal", &Interpreter::heal},         {"partition", &Interpreter::partition},
    {"settle", &Interpreter::settle},     {"status", &Interpreter::status},
    {"log", &Interpreter::log},           {"followers", &Interpreter::followers},
    {"in-flight", &Interpreter::flight},  {"transfer", &Interpreter::transfer},
};

std::vector<std::string> Interpreter::execute(int line, std::string_view command) {
  Words words(line, command);
  const std::string volume = words.accept_one_of({"quietly", "silently"});
  world_.trace.set(volume.empty()        ? Trace::Volume::full
                   : volume == "quietly" ? Trace::Volume::quiet
                                         : Trace::Volume::silent);
  try {
    carry_out(words);
  } catch (const std::logic_error& broken) {
    words.fail(broken.what());
  }
  words.finish();
  return world_.trace.take();
}

void Interpreter::carry_out(Words& words) {
  const std::string name = words.next("a command");
  const auto command = commands.find(name);
  if (command == commands.end()) {
    words.fail(fmt::format("'{}' is no command", name));
  }
  if (nodes_.empty() && name != "nodes") {
    words.fail("the first command is 'nodes'");
  }
  (this->*command->second)(words);
}

Node& Interpreter::node(Words& words) {
  const NodeId id = words.next_node();
  const auto place = nodes_.find(id);
  if (place == nodes_.end()) {
    words.fail(fmt::format("there is no node {}", id));
  }
  return place->second;
}

Node& Interpreter::running_node(Words& words) {
  Node& found = node(words);
  if (!found.up()) {
    words.fail(fmt::format("node {} is down", found.id()));
  }
  return found;
}

std::vector<NodeId> Interpreter::nodes_or_all(Words& words) {
  std::vector<NodeId> ids;
  while (words.next_is_number()) {
    ids.push_back(node(words).id());
  }
  if (ids.empty()) {
    ids.reserve(nodes_.size());
    for (const auto& [id, ignored] : nodes_) {
      ids.push_back(id);
    }
  }
  return ids;
}

// ---- The cluster ----

void Interpreter::make_nodes(Words& words) {
  if (!nodes_.empty()) {
    words.fail("the nodes are there already");
  }
  const std::uint64_t count = words.next_number("a number of nodes");
  if (count == 0 || count > 9) {
    words.fail("a scenario has 1 to 9 nodes");
  }
  Config config;
  config.pre_vote = config.check_quorum = config.watch_disk = false;
  for (std::uint16_t member = 1; member <= count; ++member) {
    config.members.emplace_back(member);
  }
  while (!words.empty()) {
    set_option(words, words.next("an option"), config);
  }
  world_.trace.set(Trace::Volume::silent);
  for (const NodeId member : config.members) {
    config.self = member;
    nodes_.try_emplace(member, config, world_).first->second.start();
  }
}

void Interpreter::set_option(Words& words, const std::string& name, Config& config) {
  const std::map<std::string, std::size_t*> sizes{
      {"max_append_bytes", &config.max_append_bytes}, {"window_bytes", &config.window_bytes},
      {"window_messages", &config.window_messages},   {"cache_bytes", &config.cache_bytes},
      {"max_chunk_bytes", &config.max_chunk_bytes},   {"max_uncommitted_bytes", &config.max_uncommitted_bytes}};
  if (const auto size = sizes.find(name); size != sizes.end()) {
    *size->second = words.next_number("a size");
  } else if (name == "ack") {
    config.ack = words.accept("written") ? Durability::written : Durability::synced;
    if (config.ack == Durability::synced) {
      words.expect("synced");
    }
  } else if (name == "pre-vote") {
    config.pre_vote = true;
  } else if (name == "check-quorum") {
    config.check_quorum = true;
  } else if (name == "ignore-lives") {
    world_.lives_are_checked = false;
  } else {
    words.fail(fmt::format("'{}' is no option of nodes", name));
  }
}

// given 2 log 1 1 2 [term 3] [vote 1] [commit 2]: what its disk held before the scenario began.
void Interpreter::given(Words& words) {
  Node& chosen = node(words);
  words.expect("log");
  std::vector<Entry> log;
  HardState state;
  while (words.next_is_number()) {
    const Term term(words.next_number("a term"));
    log.push_back(make_entry(EntryType::command, term, LogIndex(log.size() + 1), {}));
    state.term = term;
  }
  if (words.accept("term")) {
    state.term = Term(words.next_number("a term"));
  }
  if (words.accept("vote")) {
    state.vote = words.next_node();
  }
  LogIndex commit;
  if (words.accept("commit")) {
    commit = LogIndex(words.next_number("an index"));
  }
  if (commit.value > log.size()) {
    words.fail("the commit index is beyond the log");
  }
  chosen.crash();
  chosen.disk().hold(state, std::move(log), commit);
  chosen.start();
}

// ---- Processes and disks ----

void Interpreter::crash(Words& words) {
  running_node(words).crash();
}

void Interpreter::lose_power(Words& words) {
  Node& chosen = running_node(words);
  chosen.lose_power(words.accept("keep") ? words.next_number("a number of writes") : 0);
}

void Interpreter::start(Words& words) {
  Node& chosen = node(words);
  if (chosen.up()) {
    words.fail(fmt::format("node {} is up", chosen.id()));
  }
  chosen.start();
  for (auto& [id, other] : nodes_) {
    if (id != chosen.id() && other.up()) {
      greet(other, chosen);
      greet(chosen, other);
    }
  }
}

void Interpreter::greet(Node& to, const Node& from) {
  if (!world_.cut.contains({from.id(), to.id()})) {
    to.greet(from);
  }
}

void Interpreter::disk(Words& words) {
  Node& chosen = node(words);
  const bool prompt = words.accept("prompt");
  if (!prompt) {
    words.expect("by-hand");
  }
  chosen.set_prompt(prompt);
}

// write 2 [count]: the disk does what waits for it, or the first `count` things of it.
void Interpreter::write(Words& words) {
  Node& chosen = running_node(words);
  const bool counted = words.next_is_number();
  const std::uint64_t count = counted ? words.next_number("a number") : 1;
  for (std::uint64_t done = 0; done < count; ++done) {
    if (!chosen.work()) {
      words.fail(fmt::format("nothing waits for the disk of {}", chosen.id()));
    }
  }
  while (!counted && chosen.work()) {
  }
}

void Interpreter::sync(Words& words) {
  Node& chosen = running_node(words);
  if (!chosen.sync()) {
    words.fail(fmt::format("the disk of {} has nothing to sync", chosen.id()));
  }
}

// snapshot 1 [released 4]: of what is committed; without a number nothing of the log is kept before it.
void Interpreter::snapshot(Words& words) {
  Node& chosen = running_node(words);
  const LogIndex committed = chosen.core().commit_index();
  const LogIndex released = words.accept("released") ? LogIndex(words.next_number("an index")) : committed;
  if (committed <= chosen.core().snapshot().index || released > committed || released > chosen.disk().synced()) {
    words.fail("a snapshot reaches further than the one before, and what is released is committed and synced");
  }
  if (!chosen.take_snapshot(released)) {
    words.fail("nothing has been applied that has a content");
  }
}

// ---- Clients ----

void Interpreter::propose(Words& words) {
  Node& chosen = running_node(words);
  Propose proposal{ProposalId(++proposals_), {words.next_text()}};
  while (words.next_is_text()) {
    proposal.payloads.push_back(words.next_text());
  }
  chosen.step(std::move(proposal));
}

void Interpreter::read(Words& words) {
  Node& chosen = running_node(words);
  world_.trace.detail(fmt::format("{} is asked for read {}", chosen.id(), ++reads_));
  chosen.step(Read{ReadId(reads_)});
}

// transfer 1 [to 2]: the leader is to hand over; without a target to whom it thinks best.
void Interpreter::transfer(Words& words) {
  Node& chosen = running_node(words);
  TransferLeadership order;
  if (words.accept("to")) {
    order.target = words.next_node();
  }
  chosen.step(order);
}

}  // namespace strata::scenario
