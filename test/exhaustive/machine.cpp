#include "exhaustive/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace strata::exhaustive {
namespace {

std::vector<NodeId> members_of(const Scope& scope) {
  std::vector<NodeId> members;
  members.reserve(scope.nodes);
  for (std::size_t node = 1; node <= scope.nodes; ++node) {
    members.emplace_back(static_cast<NodeId::number_type>(node));
  }
  return members;
}

raft::Config config_of(const Scope& scope, NodeId self) {
  raft::Config config;
  config.self = self;
  config.members = members_of(scope);
  config.ack = scope.began_at_written ? Durability::written : scope.ack;
  config.max_append_bytes = 1;  // one entry a message: more ways for them to meet
  // They prevent elections that do no harm, so without them more can happen.
  config.pre_vote = false;
  config.check_quorum = false;
  config.watch_disk = false;
  return config;
}

wire::PeerGate gate_of(const raft::Core& core, const strata::Start& start) {
  std::vector<NodeId> peers = core.config().members;
  std::erase(peers, core.config().self);
  return {ClusterId(1), core.config().self, start, peers, core.known_members()};
}

// In a scope in which disks are lost, everybody begins with having recorded everybody's first start.
strata::Start first_start(const Scope& scope) {
  return scope.disk_losses > 0 ? strata::Start{1, Incarnation(1), 1} : strata::Start{0, Incarnation(1), 0};
}

std::vector<KnownMember> known_at_first(const Scope& scope, NodeId self) {
  std::vector<KnownMember> known;
  known.reserve(scope.nodes);
  for (const NodeId member : members_of(scope)) {
    if (member != self && scope.disk_losses > 0) {
      known.push_back({member, first_start(scope), Term()});
    }
  }
  return known;
}

// Differs from life to life, as the random numbers of a real node do. Timers are the same whatever is drawn.
std::uint64_t random_of(std::uint64_t life) {
  return life << 8;
}

}  // namespace

// A body begins with its checksum.
Slot slot_of(const Entry& entry) {
  return {entry.term, ByteReader(entry.body.view()).number<std::uint32_t>()};
}

Machine::Machine(const Scope& scope, NodeId self)
    : self_(self),
      ack_(scope.ack),
      start_(first_start(scope)),
      disk_(known_at_first(scope, self)),
      core_(config_of(scope, self), disk_.restored(start_, earlier_nonces_), now_, random_of(life_)),
      gate_(gate_of(core_, start_)) {}

Outcome Machine::apply(Event event, Packets& packets) {
  outcome_ = Outcome();
  packets_ = &packets;
  const bool prompt = disk_.idle() && !event.stalled();
  switch (event.what()) {
    case Happening::message:
      receive(packets[event.number()]);
      break;
    case Happening::election_due:
      ++spent_.elections;
      now_ = std::max(now_, raft::CoreEncoding::election_due(core_));
      step(raft::TimePassed{});
      break;
    case Happening::heartbeat_due:
      now_ = std::max(now_, core_.leading()->heartbeat_due);
      step(raft::TimePassed{});
      break;
    case Happening::propose:
      ++spent_.commands;
      step(raft::Propose{raft::ProposalId(1), {fmt::format("{}", event.number())}});
      break;
    case Happening::read:
      ++spent_.reads;
      reads_.emplace_back(raft::ReadId(spent_.reads), LogIndex(event.number()));
      step(raft::Read{raft::ReadId(spent_.reads)});
      break;
    case Happening::disk_works:
      work_disk();
      break;
    case Happening::disk_synced:
      step(disk_.sync(event.number()));
      break;
    case Happening::process_dies:
      ++spent_.crashes;
      disk_.lose_memory();
      restart();
      break;
    case Happening::power_lost:
      ++spent_.power_losses;
      disk_.lose_power(event.number(), core_.config().ack == Durability::written);
      restart();
      break;
    case Happening::disk_lost:
      lose_disk();
      break;
    case Happening::introduces:
      raft::CoreEncoding::make_introductions_due(core_);
      step(raft::TimePassed{});
      break;
  }
  if (prompt) {
    finish_disk();
  } else if (event.stalled() && !disk_.idle()) {
    ++spent_.stalls;
  }
  check_log();
  return std::exchange(outcome_, Outcome());
}

void Machine::receive(const Packet& packet) {
  if (!gate_.refuse(packet.envelope, is_introduction(packet.message))) {
    step(raft::Received{packet.envelope.from, packet.message, packet.envelope.from_nonce});
  }
}

void Machine::step(raft::Event event) {
  const LogIndex committed_before = core_.commit_index();
  raft::Output out = core_.step(std::move(event), now_, 0);
  take(out);
  if (core_.leading() && core_.commit_index() > committed_before) {
    outcome_.counted = core_.commit_index();
    check_counted();
  }
  check_marks();
  check_disk();
  for (const raft::Fetch& fetch : out.fetches) {
    serve_fetch(fetch);
  }
}

// In the order of Output's fields, as every driver must.
void Machine::take(raft::Output& out) {
  if (out.hard_state || out.record) {
    disk_.enqueue(Disk::State{out.hard_state, std::move(out.record)});
  }
  if (out.append) {
    append(*out.append);
    disk_.enqueue(Disk::Write{std::move(*out.append), core_.commit_index()});
  }
  for (const raft::Outgoing& outgoing : out.send) {
    send(outgoing);
  }
  if (!out.send_after_hard_state.empty()) {
    disk_.enqueue(std::move(out.send_after_hard_state));
  }
  release_messages();
  if (out.sound_again) {
    disk_.note_sound();
  }
  commit(out.committed);
  end_reads(out);
  if (core_.leading() && (led_.empty() || led_.back() != core_.hard_state().term)) {
    led_.push_back(core_.hard_state().term);
  }
}

void Machine::send(const raft::Outgoing& outgoing) {
  check_promises(outgoing);
  check_admission(outgoing);
  if (is_introduction(outgoing.message)) {
    gate_.sends(outgoing.to, outgoing.message);
  }
  outcome_.sent.push_back(packets_->add(gate_.envelope_to(outgoing.to), outgoing.message));
}

void Machine::release_messages() {
  for (const raft::Outgoing& outgoing : disk_.take_messages()) {
    send(outgoing);
  }
}

void Machine::work_disk() {
  for (raft::Event& event : disk_.work()) {
    step(std::move(event));
  }
}

void Machine::finish_disk() {
  while (!disk_.idle()) {
    if (disk_.has_jobs()) {
      work_disk();
    } else {
      step(disk_.sync(disk_.unsynced()));
    }
  }
}

void Machine::lose_disk() {
  ++spent_.disk_losses;
  // Its own vote is of no use to anybody now: what was sent before is not taken any more, and it does not lead.
  if (told_.vote != NodeId(0) && told_.vote != self_) {
    told_lost_ = told_;
  }
  told_ = {};
  disk_ = Disk({}, Admission::rejoining);
  start_ = {start_.directory + 1, Incarnation(0), 0};
  earlier_nonces_.clear();
  restart();
}

void Machine::restart() {
  ++life_;
  if (start_.nonce != 0) {
    earlier_nonces_.insert(earlier_nonces_.begin(), start_.nonce);
  }
  start_.incarnation = start_.incarnation.next();
  start_.nonce = start_.directory != 0 ? life_ : 0;
  raft::Config config = core_.config();
  config.ack = ack_;
  core_ = raft::Core(config, disk_.restored(start_, earlier_nonces_), now_, random_of(life_));
  gate_ = gate_of(core_, start_);
  reads_.clear();
  log_.clear();
  for (const Entry& entry : disk_.written()) {
    log_.push_back(slot_of(entry));
  }
  handed_out_ = core_.commit_index();
  check_restart();
}

// Reading an entry back takes no time here: the core goes on with what it asked for.
void Machine::serve_fetch(const raft::Fetch& fetch) {
  const auto& log = disk_.written();
  STRATA_ASSERT(fetch.first <= fetch.last && fetch.last.value <= log.size());
  const auto at = [&](LogIndex index) { return log.begin() + static_cast<std::ptrdiff_t>(index.value); };
  step(raft::Fetched{fetch.peer, std::vector<Entry>(at(fetch.first - 1), at(fetch.last))});
}

void Machine::append(const raft::Append& append) {
  const LogIndex first = append.entries.front().index;
  must(first.value <= log_.size() + 1, "entries with a gap before them are appended");
  log_.resize(first.value - 1);
  for (const Entry& entry : append.entries) {
    log_.push_back(slot_of(entry));
  }
}

void Machine::commit(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    must(entry.index == handed_out_.next(), "committed entries are not handed out in order");
    handed_out_ = entry.index;
    if (entry.index.value > committed_.size()) {
      committed_.emplace_back(slot_of(entry), core_.hard_state().term);
    }
    must(committed_[entry.index.value - 1].first == slot_of(entry),
         "State Machine Safety: the node has handed out another entry at this index before");
  }
}

void Machine::end_reads(const raft::Output& out) {
  const auto end = [this](raft::ReadId id) {
    const auto read = std::ranges::find(reads_, id, &std::pair<raft::ReadId, LogIndex>::first);
    STRATA_ASSERT(read != reads_.end());
    const LogIndex floor = read->second;
    reads_.erase(read);
    return floor;
  };
  for (const raft::ReadReady& ready : out.reads_ready) {
    must(ready.index >= end(ready.id), "a read is served at an index before what was committed when it began");
  }
  for (const raft::ReadId id : out.reads_failed) {
    end(id);
  }
}

std::vector<Event> Machine::own_events(const Scope& scope) const {
  std::vector<Event> events;
  if (const raft::Leader* leader = core_.leading()) {
    if (raft::beat_of(leader->round) <= scope.beats) {
      events.emplace_back(Happening::heartbeat_due, 0);
    }
  }
  if (raft::CoreEncoding::introduces(core_)) {
    events.emplace_back(Happening::introduces, 0);
  }
  if (disk_.has_jobs()) {
    events.emplace_back(Happening::disk_works, 0);
  }
  for (std::uint32_t writes = 1; writes <= disk_.unsynced(); ++writes) {
    events.emplace_back(Happening::disk_synced, writes);
  }
  return events;
}

void Machine::encode(Encoder& out) const {
  raft::CoreEncoding::encode(core_, out);
  disk_.encode(raft::CoreEncoding::last_write(core_), out);
  out.number(life_);
  for (const NodeId member : core_.config().members) {
    if (member != self_) {
      out.number(gate_.newest(member));
      out.number(gate_.envelope_to(member).to_nonce);
    }
  }
  out.number(log_.size());
  for (const auto& [term, checksum] : log_) {
    out.number(term);
    out.number(checksum);
  }
  out.number(handed_out_);
  out.number(committed_.size());
  for (const auto& [slot, in] : committed_) {
    out.number(slot.term);
    out.number(slot.checksum);
    out.number(in);
  }
  out.number(led_.size());
  for (const Term term : led_) {
    out.number(term);
  }
  out.number(told_.term);
  out.number(told_.vote);
  out.number(told_lost_.term);
  out.number(told_lost_.vote);
  out.number(reads_.size());
  for (const auto& [id, floor] : reads_) {
    out.number(id);
    out.number(floor);
  }
  for (const std::uint32_t spent : {spent_.elections, spent_.commands, spent_.reads, spent_.crashes,
                                    spent_.power_losses, spent_.disk_losses, spent_.stalls}) {
    out.number(spent);
  }
}

}  // namespace strata::exhaustive
