#include "scenario/node.hpp"

#include <fmt/format.h>

#include <utility>

#include "scenario/describe.hpp"

namespace strata::scenario {

using namespace raft;

void Node::say(const std::string& text) {
  world_.trace.line(fmt::format("{} {}", id(), text));
}

void Node::say_detail(const std::string& text) {
  world_.trace.detail(fmt::format("{} {}", id(), text));
}

// ---- Process ----

void Node::start() {
  life_ = life_.next();
  heard_.clear();
  core_.emplace(config_, disk_.restore(), world_.now, first_random(id(), life_));
  machine_ = disk_.snapshot().content;
  for (const Entry& entry : disk_.log()) {
    if (entry.index > disk_.snapshot().last_included.index && entry.index <= core_->commit_index()) {
      machine_.append(entry.payload());
    }
  }
  say(fmt::format("starts: {}, log ends at {}, commit {}", describe(core_->hard_state()),
                  name_of(core_->last_index(), core_->log().last_term()), core_->commit_index()));
  step(TimePassed{});
}

void Node::crash() {
  core_.reset();
  queue_.clear();
}

void Node::lose_power(std::size_t kept_writes) {
  crash();
  disk_.lose_power(kept_writes);
}

// ---- Events ----

void Node::step(Event event) {
  Output out = core_->step(std::move(event), world_.now, later_random(id()));
  take(out);
  if (prompt_) {
    work_at_once();
  }
}

std::optional<std::string> Node::refusal(const Packet& packet) {
  if (packet.from_life < heard_[packet.from]) {
    return fmt::format("a newer life of {} has been heard", packet.from);
  }
  if (packet.to_life != Incarnation(0) && packet.to_life != life_) {
    return "it is for an earlier life";
  }
  heard_[packet.from] = packet.from_life;
  return std::nullopt;
}

void Node::receive(Packet packet) {
  const std::string arrives = fmt::format("<- {}: {}", packet.from, summary(packet.message));
  if (!up()) {
    say_detail(fmt::format("{} (lost: {} is down)", arrives, id()));
    return;
  }
  if (world_.lives_are_checked) {
    if (const auto refused = refusal(packet)) {
      say(fmt::format("{} (refused: {})", arrives, *refused));
      return;
    }
  }
  say_detail(arrives);
  step(Received{packet.from, std::move(packet.message)});
}

void Node::take(Output& out) {
  if (out.leadership) {
    say(describe(*out.leadership));
    if (out.leadership->role == Role::leader) {
      World::require(world_.oracle.leads(id(), out.leadership->term));
    }
  }
  show_proposals(out);
  take_persistent(out);
  send(std::move(out.send));
  if (!out.send_after_hard_state.empty()) {
    queue_.emplace_back(std::move(out.send_after_hard_state));
  }
  if (out.install) {
    install(*out.install);
  }
  show_committed(out.committed);
  show_reads(out);
  for (const Fetch& fetch : out.fetches) {
    say_detail(fmt::format("fetches {} to {} from its log for {}", fetch.first, fetch.last, fetch.peer));
    queue_.emplace_back(fetch);
  }
  take_snapshots(out);
  wake_at_ = out.wake_at;
}

void Node::take_snapshots(Output& out) {
  for (const ReadSnapshot& asked : out.read_snapshot) {
    queue_.emplace_back(asked);
  }
  if (out.store_snapshot) {
    const StoreSnapshot& part = *out.store_snapshot;
    say_detail(fmt::format("stores bytes {} to {} of the snapshot up to {}", part.offset,
                           part.offset + part.data.size(), name_of(part.last_included.index, part.last_included.term)));
    queue_.emplace_back(std::move(*out.store_snapshot));
  }
}

void Node::install(EntryId last_included) {
  machine_ = disk_.snapshot().content;
  say(fmt::format("installs the snapshot up to {}: \"{}\"", name_of(last_included.index, last_included.term),
                  machine_));
  World::require(world_.oracle.installs(id(), last_included.index, machine_));
  queue_.emplace_back(last_included);
}

bool Node::take_snapshot(LogIndex released) {
  if (machine_.empty()) {
    return false;
  }
  const LogIndex held = core_->commit_index();
  disk_.take({{held, core_->log().term_at(held)}, machine_}, released);
  say(fmt::format("has a snapshot up to {}: \"{}\"", name_of(held, core_->log().term_at(held)), machine_));
  step(SnapshotTaken{held, released});
  return true;
}

void Node::take_persistent(Output& out) {
  if (out.hard_state) {
    say_detail(fmt::format("saves {}", describe(*out.hard_state)));
    queue_.emplace_back(*out.hard_state);
  }
  if (out.append) {
    say_detail(fmt::format("appends [{}], write {}", describe(out.append->entries), out.append->id));
    queue_.emplace_back(Write{std::move(*out.append), core_->commit_index()});
  }
}

void Node::show_committed(const std::vector<Entry>& entries) {
  if (!entries.empty()) {
    say(fmt::format("commits {}", describe(entries)));
  }
  for (const Entry& entry : entries) {
    World::require(world_.oracle.commits(id(), entry));
    machine_.append(entry.payload());
  }
}

void Node::show_proposals(const Output& out) {
  if (const auto& appended = out.proposals_appended) {
    say(fmt::format("takes the proposal: {}", name_of(appended->first, appended->term)));
  }
  if (const auto& refused = out.proposals_refused) {
    const bool leads = refused->reason == RefusalReason::too_much_uncommitted;
    say(fmt::format("refuses the proposal: {}", leads ? "too much uncommitted" : "not leader"));
  }
}

void Node::show_reads(const Output& out) {
  for (const ReadReady& ready : out.reads_ready) {
    say(fmt::format("read {} is ready at index {}", ready.id, ready.index));
  }
  for (const ReadId failed : out.reads_failed) {
    say(fmt::format("read {} failed", failed));
  }
}

void Node::send(Messages messages) {
  for (Outgoing& outgoing : messages) {
    world_.send({id(), outgoing.to, life_, heard_[outgoing.to], std::move(outgoing.message)});
  }
}

// ---- Disk ----

void Node::set_prompt(bool prompt) {
  prompt_ = prompt;
  if (prompt_ && up()) {
    work_at_once();
  }
}

// What the disk reports makes the core hand it more: one loop serves all.
void Node::work_at_once() {
  if (std::exchange(working_, true)) {
    return;
  }
  while (up() && (work() || sync())) {
  }
  working_ = false;
}

bool Node::work() {
  if (queue_.empty()) {
    return false;
  }
  auto job = std::move(queue_.front());
  queue_.pop_front();
  std::visit([this](auto& content) { done(content); }, job);
  return true;
}

void Node::done(const HardState& state) {
  World::require(world_.oracle.saves(id(), state));
  disk_.save(state);
  if (!prompt_) {
    say_detail(fmt::format("has saved {}", describe(state)));
  }
  step(HardStateSaved{state});
}

// A prompt disk reports once that it is written and synced.
void Node::done(Write& write) {
  const WriteId written = write.append.id;
  disk_.write(std::move(write.append), write.commit_index);
  if (!prompt_) {
    say_detail(fmt::format("has written write {}", written));
    step(Persisted{written, Durability::written});
  }
}

void Node::done(const Fetch& fetch) {
  step(Fetched{fetch.peer, disk_.read(fetch)});
}

void Node::done(const ReadSnapshot& asked) {
  step(disk_.read(asked));
}

void Node::done(const StoreSnapshot& part) {
  step(disk_.store(part));
}

bool Node::sync() {
  const auto newest = disk_.sync();
  if (!newest) {
    return false;
  }
  if (!prompt_) {
    say_detail(fmt::format("has synced write {}", *newest));
  }
  step(Persisted{*newest, Durability::synced});
  return true;
}

}  // namespace strata::scenario
