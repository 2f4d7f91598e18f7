#include "harness.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace strata::raft::testing {

Config config_of(int self, int members) {
  Config config;
  config.self = id(self);
  config.pre_vote = config.check_quorum = config.watch_disk = false;
  for (int member = 1; member <= members; ++member) {
    config.members.push_back(id(member));
  }
  return config;
}

Config complete_config_of(int self, int members) {
  Config config = config_of(self, members);
  config.pre_vote = config.check_quorum = config.watch_disk = true;
  return config;
}

std::vector<Entry> entries_of(std::uint64_t first, const std::vector<std::uint64_t>& terms) {
  std::vector<Entry> entries;
  for (const std::uint64_t of_term : terms) {
    entries.push_back(
        make_entry(EntryType::command, term(of_term), index(first), fmt::format("{}:{}", of_term, first)));
    ++first;
  }
  return entries;
}

std::vector<std::uint64_t> terms_of(const Log& log) {
  std::vector<std::uint64_t> terms;
  for (LogIndex at = log.base().index.next(); at <= log.last_index(); at = at.next()) {
    terms.push_back(log.term_at(at).value);
  }
  return terms;
}

AppendEntries append_entries(std::uint64_t of_term, std::uint64_t prev, std::uint64_t prev_term,
                             std::vector<Entry> entries, std::uint64_t commit, std::uint64_t round) {
  return {term(of_term), index(prev), term(prev_term), index(commit), {}, Round(round), {}, {}, std::move(entries)};
}

// ---- Disk ----

static void override_from(LogIndex base, std::vector<Entry>& log, const std::vector<Entry>& entries) {
  if (entries.empty()) {
    return;  // a repair, which overrides nothing
  }
  REQUIRE(entries.front().index > base);
  REQUIRE(entries.front().index - base <= log.size() + 1);
  log.resize(entries.front().index - base - 1);
  log.insert(log.end(), entries.begin(), entries.end());
}

Restored Disk::restored() const {
  Restored restored;
  restored.standing = standing;
  restored.holes = holes;
  restored.end_unknown = end_unknown;
  restored.incarnation = incarnation;
  restored.directory = directory;
  restored.nonce = nonce;
  restored.admission = admission;
  restored.members = members;
  restored.hard_state = hard_state;
  restored.base = base;
  restored.snapshot = snapshot.last_included;
  restored.last_index = base.index + written.size();
  restored.commit_index = std::max(std::min(written_commit, restored.last_index), snapshot.last_included.index);
  if (!holes.empty()) {
    restored.commit_index = std::max(restored.commit_index, holes.front().first - 1);
  }
  for (const Entry& entry : written) {
    if (restored.term_runs.empty() || restored.term_runs.back().term != entry.term) {
      restored.term_runs.push_back({entry.term, entry.index});
    }
  }
  restored.tail.assign(written.begin() + static_cast<std::ptrdiff_t>(restored.commit_index - base.index),
                       written.end());
  return restored;
}

void Disk::write(Append append, LogIndex commit_index) {
  override_from(base.index, written, append.entries);
  written_commit = std::max(written_commit, commit_index);
  unsynced.push_back(std::move(append));
}

void Disk::sync() {
  for (const Append& append : unsynced) {
    override_from(base.index, synced, append.entries);
  }
  unsynced.clear();
  synced_commit = written_commit;
}

void Disk::restart(EntryId anew) {
  base = anew;
  synced.clear();
  written.clear();
  unsynced.clear();
}

void Disk::release(LogIndex index) {
  const auto dropped = static_cast<std::ptrdiff_t>(index - base.index);
  REQUIRE(dropped <= static_cast<std::ptrdiff_t>(synced.size()));
  if (dropped > 0) {
    base = {index, synced[static_cast<std::size_t>(dropped - 1)].term};
    synced.erase(synced.begin(), synced.begin() + dropped);
    written.erase(written.begin(), written.begin() + dropped);
  }
}

void Disk::lose_power(std::size_t kept) {
  unsynced.resize(std::min(kept, unsynced.size()));
  for (const Append& append : unsynced) {
    override_from(base.index, synced, append.entries);
  }
  unsynced.clear();
  written = synced;
  written_commit = synced_commit;
}

// ---- Node ----

Node::Node(Config config, Disk on_disk, TimePoint start, std::uint64_t number)
    : core(std::move(config), on_disk.restored(), start, number), disk(std::move(on_disk)), now(start), random(number) {
  disk.sync();  // a log is synced before it is used
  machine = disk.snapshot.content;
  for (LogIndex at = disk.snapshot.last_included.index.next(); at <= core.commit_index(); at = at.next()) {
    machine.append(disk.written[at - disk.base.index - 1].payload()).append(" ");
  }
}

void Node::step(Event event) {
  Output out = core.step(std::move(event), now, random);
  if (out.hard_state || out.record) {
    queue_.emplace_back(State{out.hard_state, out.record});
  }
  if (out.repair) {
    repaired.insert(repaired.end(), out.repair->entries.begin(), out.repair->entries.end());
    queue_.emplace_back(Write{{out.repair->id, {}, true}, core.commit_index()});  // what is there stands for it
  }
  if (out.append) {
    queue_.emplace_back(Write{*out.append, core.commit_index()});
  }
  outbox.insert(outbox.end(), out.send.begin(), out.send.end());
  if (!out.send_after_hard_state.empty()) {
    queue_.emplace_back(out.send_after_hard_state);
  }
  if (out.install) {
    REQUIRE(*out.install == disk.snapshot.last_included);
    if (!out.install_keeps_log) {
      queue_.emplace_back(*out.install);
    }
    installed.push_back(*out.install);
    machine = disk.snapshot.content;
  }
  committed.insert(committed.end(), out.committed.begin(), out.committed.end());
  for (const Entry& entry : out.committed) {
    machine.append(entry.payload()).append(" ");
  }
  reads_ready.insert(reads_ready.end(), out.reads_ready.begin(), out.reads_ready.end());
  reads_failed.insert(reads_failed.end(), out.reads_failed.begin(), out.reads_failed.end());
  fetches.insert(fetches.end(), out.fetches.begin(), out.fetches.end());
  snapshot_reads.insert(snapshot_reads.end(), out.read_snapshot.begin(), out.read_snapshot.end());
  if (out.store_snapshot) {
    snapshot_parts.push_back(*out.store_snapshot);
  }
  last = std::move(out);
}

void Node::snapshot(std::optional<std::uint64_t> released) {
  settle();
  const LogIndex held = core.commit_index();
  disk.snapshot = {{held, core.log().term_at(held)}, machine};
  const LogIndex up_to = released ? index(*released) : held;
  disk.release(up_to);
  step(SnapshotTaken{held, up_to});
}

void Node::read_snapshot() {
  require_one(snapshot_reads.size());
  const ReadSnapshot asked = snapshot_reads.front();
  snapshot_reads.clear();
  if (asked.last_included != disk.snapshot.last_included) {
    step(SnapshotRead{asked.peer, asked.last_included, asked.offset, {}, 0});
    return;
  }
  const Bytes& content = disk.snapshot.content;
  SharedBytes part(content.substr(asked.offset, asked.max_bytes));
  step(SnapshotRead{asked.peer, asked.last_included, asked.offset, std::move(part), content.size()});
}

void Node::store_snapshot() {
  require_one(snapshot_parts.size());
  const StoreSnapshot part = snapshot_parts.front();
  snapshot_parts.clear();
  if (part.offset == 0) {
    incoming_ = {part.last_included, {}};
  }
  const bool fits = incoming_.last_included == part.last_included && incoming_.content.size() == part.offset;
  if (fits) {
    incoming_.content.append(part.data.view());
  }
  if (fits && part.done) {
    disk.snapshot = incoming_;
  }
  step(SnapshotStored{part.last_included, incoming_.content.size(), fits && part.done});
}

void Node::pass(Duration duration) {
  now += duration;
  step(TimePassed{});
}

void Node::time_out() {
  now = std::max(now, last.wake_at);
  step(TimePassed{});
}

void Node::save(const State& state) {
  if (state.hard_state) {
    disk.hard_state = *state.hard_state;
    reports.emplace_back(HardStateSaved{*state.hard_state});
  }
  if (state.record) {
    disk.members = state.record->members;
    disk.admission = state.record->admission;
    reports.emplace_back(Recorded{state.record->id});
  }
}

bool Node::work() {
  if (queue_.empty()) {
    return false;
  }
  auto job = std::move(queue_.front());
  queue_.pop_front();
  if (const auto* state = std::get_if<State>(&job)) {
    save(*state);
  } else if (auto* write = std::get_if<Write>(&job)) {
    reports.emplace_back(Persisted{write->append.id, Durability::written});
    disk.write(std::move(write->append), write->commit_index);
  } else if (const auto* base = std::get_if<EntryId>(&job)) {
    disk.restart(*base);
  } else {
    const auto& messages = std::get<std::vector<Outgoing>>(job);
    outbox.insert(outbox.end(), messages.begin(), messages.end());
  }
  return true;
}

void Node::sync() {
  if (!disk.unsynced.empty()) {
    reports.emplace_back(Persisted{disk.unsynced.back().id, Durability::synced});
    disk.sync();
  }
}

bool Node::report() {
  if (reports.empty()) {
    return false;
  }
  Event event = std::move(reports.front());
  reports.pop_front();
  step(std::move(event));
  return true;
}

void Node::write_all() {
  while (work() || report()) {
  }
}

void Node::settle() {
  while (!disk_idle()) {
    write_all();
    sync();
    write_all();
  }
}

std::vector<AppendEntries> Node::take_entries(int to) {
  auto all = take<AppendEntries>(to);
  std::erase_if(all, [](const AppendEntries& message) { return message.entries.empty(); });
  return all;
}

std::vector<AppendEntries> Node::take_heartbeats(int to) {
  auto all = take<AppendEntries>(to);
  std::erase_if(all, [](const AppendEntries& message) { return !message.entries.empty(); });
  return all;
}

std::uint64_t Node::known_nonce(int member) const {
  for (const KnownMember& known : core.known_members()) {
    if (known.node == id(member)) {
      return known.start.nonce;
    }
  }
  return 0;
}

void Node::require_one(std::size_t count) {
  REQUIRE(count == 1);
}

// ---- Situations ----

Disk disk_with_log(const std::vector<std::uint64_t>& terms, HardState hard_state) {
  Disk disk;
  disk.hard_state = hard_state;
  disk.synced = disk.written = entries_of(1, terms);
  return disk;
}

Node node_with_log(const std::vector<std::uint64_t>& terms, HardState hard_state, int self, int members) {
  Node node(config_of(self, members), disk_with_log(terms, hard_state));
  node.step(TimePassed{});
  return node;
}

Node complete_node(const std::vector<std::uint64_t>& terms, HardState hard_state, int self, int members) {
  Node node(complete_config_of(self, members), disk_with_log(terms, hard_state));
  node.step(TimePassed{});
  return node;
}

static void begin_election(Node& node) {
  node.pass(2 * node.core.config().election_timeout);
  node.settle();
  const Term of_term = node.core.hard_state().term;
  for (const NodeId member : node.core.config().members) {
    if (member != node.core.config().self && node.core.role() == Role::pre_candidate) {
      node.receive(member.value, PreVoteResponse{of_term, of_term, true});
    }
  }
  node.settle();
}

void campaign(Node& node) {
  begin_election(node);
  REQUIRE(node.core.role() == Role::candidate);
}

void elect(Node& node) {
  begin_election(node);
  for (const NodeId member : node.core.config().members) {
    if (member != node.core.config().self && node.core.role() == Role::candidate) {
      node.receive(member.value, RequestVoteResponse{node.core.hard_state().term, true});
    }
  }
  REQUIRE(node.core.role() == Role::leader);
  node.settle();
  node.outbox.clear();
}

AppendEntriesResponse success(const Node& node, std::uint64_t last, Round round) {
  return success(node, last, last, last, round);
}

AppendEntriesResponse success(const Node& node, std::uint64_t matched, std::uint64_t written, std::uint64_t synced,
                              Round round) {
  AppendEntriesResponse response;
  response.term = node.core.hard_state().term;
  response.success = true;
  response.round = round;
  response.matched = index(matched);
  response.written = index(written);
  response.synced = index(synced);
  return response;
}

AppendEntriesResponse rejection(const Node& node, std::uint64_t conflict_index, std::uint64_t conflict_term,
                                Round round) {
  AppendEntriesResponse response;
  response.term = node.core.hard_state().term;
  response.round = round;
  response.conflict_index = index(conflict_index);
  response.conflict_term = term(conflict_term);
  return response;
}

void follow(Node& node, std::uint64_t of_term) {
  node.receive(2, append_entries(of_term, 0, 0));
  node.settle();
  node.outbox.clear();
  REQUIRE(node.core.leader() == id(2));
}

// ---- Cluster ----

Cluster::Cluster(int members, const std::function<void(Config&)>& adjust) {
  for (int number = 1; number <= members; ++number) {
    Config config = config_of(number, members);
    if (adjust) {
      adjust(config);
    }
    nodes.emplace(id(number), Node(config, Disk()));
    node(number).step(TimePassed{});
  }
}

void Cluster::gather() {
  for (auto& [number, node] : nodes) {
    for (Outgoing& outgoing : std::exchange(node.outbox, {})) {
      pool.push_back({number, std::move(outgoing), node.disk.nonce});
    }
  }
}

void Cluster::deliver(std::size_t place) {
  Packet packet = std::move(pool[place]);
  pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(place));
  nodes.at(packet.outgoing.to).receive(packet.from.value, std::move(packet.outgoing.message), packet.nonce);
}

bool Cluster::work() {
  bool worked = false;
  for (auto& [number, node] : nodes) {
    worked = worked || !node.disk_idle();
    node.settle();
    for (const Fetch& fetch : std::exchange(node.fetches, {})) {
      const auto& log = node.disk.written;
      const LogIndex base = node.disk.base.index;
      const auto at = [&](LogIndex entry) { return log.begin() + static_cast<std::ptrdiff_t>(entry - base); };
      node.step(Fetched{fetch.peer, std::vector<Entry>(at(fetch.first - 1), at(fetch.last))});
      worked = true;
    }
    for (const ReadSnapshot& read : std::exchange(node.snapshot_reads, {})) {
      node.snapshot_reads.push_back(read);
      node.read_snapshot();
      worked = true;
    }
    if (!node.snapshot_parts.empty()) {
      node.store_snapshot();
      worked = true;
    }
  }
  return worked;
}

void Cluster::settle(std::initializer_list<int> cut) {
  std::set<NodeId> lost;
  for (const int number : cut) {
    lost.insert(id(number));
  }
  while (true) {
    const bool worked = work();
    gather();
    std::erase_if(pool, [&](const Packet& p) { return lost.contains(p.from) || lost.contains(p.outgoing.to); });
    if (!worked && pool.empty()) {
      return;
    }
    while (!pool.empty()) {
      deliver(0);
    }
  }
}

void Cluster::elect(int number, std::initializer_list<int> cut) {
  Node& candidate = node(number);
  const TimePoint due = std::max(candidate.now, candidate.last.wake_at);
  for (auto& [other, node] : nodes) {
    node.now = std::max(node.now, due);
  }
  candidate.time_out();
  while (candidate.core.role() == Role::follower) {  // a read was due before the election
    candidate.time_out();
  }
  settle(cut);
  REQUIRE(candidate.core.role() == Role::leader);
}

void Cluster::pass(Duration duration) {
  for (auto& [number, node] : nodes) {
    node.pass(duration);
  }
}

void Cluster::restart(int number) {
  Node& old = node(number);
  const TimePoint now = old.now;
  const std::uint64_t random = old.random;
  Node fresh(old.core.config(), std::move(old.disk), now, random);
  nodes.erase(id(number));
  nodes.emplace(id(number), std::move(fresh)).first->second.step(TimePassed{});
}

}  // namespace strata::raft::testing
