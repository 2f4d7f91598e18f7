#include "sim/process.hpp"

#include <algorithm>

#include "sim/disk_image.hpp"
#include "wal/data_directory.hpp"

namespace strata::sim {

namespace {

std::vector<NodeId> members_of(const Plan& plan) {
  std::vector<NodeId> members;
  for (std::uint16_t id = 1; id <= plan.nodes; ++id) {
    members.emplace_back(id);
  }
  return members;
}

std::vector<NodeId> peers_of(const Plan& plan, NodeId self) {
  std::vector<NodeId> peers = members_of(plan);
  std::erase(peers, self);
  return peers;
}

// As net does: bulk never delays a heartbeat.
std::size_t lane_of(const wire::PeerMessage& message) {
  if (const auto* content = std::get_if<raft::Message>(&message)) {
    if (std::holds_alternative<raft::InstallSnapshot>(*content)) {
      return 2;
    }
    const auto* append = std::get_if<raft::AppendEntries>(content);
    return append != nullptr && !append->entries.empty() ? 1 : 0;
  }
  return std::holds_alternative<wire::ForwardSets>(message) ? 1 : 0;
}

}  // namespace

Process::Process(Machine& machine)
    : machine_(machine),
      loop_clock_(machine.surroundings_.scheduler, machine.loop_, machine.clock_error_, machine.lateness_),
      fsync_clock_(machine.surroundings_.scheduler, machine.fsync_, machine.clock_error_, machine.lateness_) {}

Process::~Process() = default;

actors::NodeOptions Process::options() const {
  const Plan& plan = machine_.surroundings_.plan;
  actors::NodeOptions options;
  options.raft.self = machine_.id_;
  options.raft.members = members_of(plan);
  options.raft.election_timeout = plan.election_timeout;
  options.raft.heartbeat_interval = plan.heartbeat_interval;
  options.raft.ack = plan.ack;
  options.raft.pre_vote = plan.pre_vote;
  options.raft.check_quorum = plan.check_quorum;
  options.raft.max_append_bytes = plan.max_append_bytes;
  options.raft.window_bytes = plan.window_bytes;
  options.raft.window_messages = plan.window_messages;
  options.raft.cache_bytes = plan.cache_bytes;
  options.raft.max_uncommitted_bytes = plan.max_uncommitted_bytes;
  options.raft.max_chunk_bytes = plan.max_chunk_bytes;
  options.log.directory = data_directory;
  options.log.segment_size = plan.segment_size;
  options.log.cluster = simulated_cluster;
  options.log.node = machine_.id_;
  options.log.repairable = plan.nodes > 1;
  options.front_end.self = machine_.id_;
  options.front_end.ack = plan.ack;
  options.front_end.max_sessions = plan.max_sessions.value_or(options.front_end.max_sessions);
  options.front_end.snapshot_log_size = plan.snapshot_log_size;
  options.front_end.snapshot_piece_size = plan.snapshot_piece_size;
  options.front_end.fsync_interval = plan.fsync_interval;
  options.fsync_interval = plan.fsync_interval;
  return options;
}

Result<void> Process::start() {
  const actors::NodeOptions all = options();
  const std::uint64_t directory_name = std::max<std::uint64_t>(machine_.node_random_.next(), 1);
  const std::uint64_t nonce = std::max<std::uint64_t>(machine_.node_random_.next(), 1);
  const wal::RunOptions run{fmt::format("boot {}", machine_.boot_),
                            run_directory,
                            machine_.surroundings_.plan.ack,
                            directory_name,
                            nonce,
                            machine_.rejoins_};
  auto directory = wal::open_data_directory(machine_.disk_, all.log, *this, run);
  if (!directory) {
    return directory.error();
  }
  const std::vector<NodeId> peers = peers_of(machine_.surroundings_.plan, machine_.id_);
  const actors::NodeExecutors executors{machine_.loop_.executor(), machine_.wal_.executor(), machine_.fsync_.executor(),
                                        machine_.allocator_.executor(), machine_.snapshots_.executor()};
  const actors::NodePorts ports{loop_clock_,
                                fsync_clock_,
                                *this,
                                *this,
                                machine_.disk_,
                                *this,
                                [this] { return machine_.node_random_.next(); },
                                [this](const Error& error) { machine_.give_machine_up(error.text); },
                                [this](const Error& error) { machine_.turn_away(error.text); }};
  auto made = actors::NodeActors::make(all, executors, ports, std::move(*directory));
  if (!made) {
    return made.error();
  }
  actors_ = std::move(*made);
  gate_.emplace(simulated_cluster, machine_.id_, actors_->start_of_node(), peers, actors_->known_members());
  machine_.surroundings_.oracles.started(machine_.id_, *actors_);
  actors_->start();
  machine_.surroundings_.network.connect(machine_.id_, [this](const Arrival& arrival) { receive(arrival); });
  std::ranges::for_each(peers, [this](NodeId peer) { say_hello(peer); });
  return {};
}

void Process::step_clocks(Duration by) {
  loop_clock_.step(by);
  fsync_clock_.step(by);
}

void Process::kill() {
  if (actors_) {
    actors_->abandon();
  }
}

std::optional<TimePoint> Process::oldest_unanswered() const {
  std::optional<TimePoint> oldest;
  for (const auto& [address, arrived] : unanswered_) {
    oldest = std::min(oldest.value_or(arrived), arrived);
  }
  return oldest;
}

void Process::request(wire::ClientRequest request) {
  wire::ClientAddress from = request.from;
  const std::size_t bytes = wire::size_of(request);
  actors::ClientRequests batch;
  batch.requests.push_back(std::move(request));
  const actors::PostResult posted = actors_->front_end().post(actors::FrontEndMessage(std::move(batch)), bytes);
  if (posted == actors::PostResult::closed) {
    return;  // the process is about to end
  }
  unanswered_.emplace(from.packed, machine_.surroundings_.scheduler.now());
  if (posted == actors::PostResult::full) {
    std::vector<wire::ClientReply> busy;
    busy.push_back({std::move(from), wire::ErrorReply{wire::ErrorCode::busy, "the mailbox is full", std::nullopt}});
    send(std::move(busy));
  }
}

void Process::send(std::vector<wire::ClientReply> batch) {
  for (const wire::ClientReply& reply : batch) {
    if (unanswered_.erase(reply.to.packed) == 0) {
      machine_.fail(Invariant::one_reply, "answers a request that it was not asked, or has answered before");
    }
    machine_.surroundings_.oracles.replied(machine_.id_, reply);
    machine_.surroundings_.reply(reply);
  }
}

void Process::write(LogLevel, std::string_view event) {
  machine_.surroundings_.trace.text(machine_.id_, event);
}

void Process::send(std::vector<actors::PeerSend> batch) {
  for (const actors::PeerSend& send_one : batch) {
    send(send_one.to, send_one.message);
  }
}

void Process::send(NodeId to, const wire::PeerMessage& message) {
  machine_.surroundings_.oracles.sent(machine_.id_, to, message, *actors_);
  gate_->sends(to, message);
  Bytes frame = wire::encode_peer_message(gate_->envelope_to(to), message);
  machine_.surroundings_.network.send(machine_.id_, to, lane_of(message), std::move(frame));
}

void Process::say_hello(NodeId to) {
  wire::Hello hello;
  hello.ack = machine_.surroundings_.plan.ack;
  send(to, wire::PeerMessage(std::move(hello)));
}

void Process::receive(const Arrival& arrival) {
  auto decoded = wire::decode_peer_message(arrival.frame);
  if (arrival.damaged) {
    // A checksum finds every single bit that is flipped.
    machine_.surroundings_.trace.text(machine_.id_, decoded ? "takes a damaged message" : decoded.error().text);
    if (decoded) {
      machine_.fail(Invariant::own_messages, "takes a damaged message");
    }
    return;
  }
  if (!decoded) {
    machine_.fail(Invariant::own_messages, "was sent a message that cannot be decoded: " + decoded.error().text);
    return;
  }
  const NodeId from = decoded->envelope.from;
  const Incarnation before = gate_->newest(from);
  const bool is_introduction = wire::is_introduction(decoded->message);
  const auto reason = gate_->refuse(decoded->envelope, is_introduction);
  if (gate_->newest(from) != before) {
    say_hello(from);
  }
  if (reason) {
    machine_.surroundings_.trace.text(machine_.id_, *reason);
    return;
  }
  if (!is_introduction) {
    machine_.surroundings_.oracles.taken(machine_.id_, decoded->envelope, *actors_);
  }
  deliver(std::move(*decoded));
}

void Process::deliver(wire::PeerFrame frame) {
  const NodeId from = frame.envelope.from;
  const std::size_t bytes = wire::size_of(frame.message);
  if (auto* content = std::get_if<raft::Message>(&frame.message)) {
    actors::PeerMessages messages;
    messages.messages.push_back({from, std::move(*content), frame.envelope.from_nonce});
    actors_->raft().post(actors::RaftMessage(std::move(messages)), bytes);
  } else if (auto* sets = std::get_if<wire::ForwardSets>(&frame.message)) {
    if (!gate_->is_first(from, *sets)) {
      machine_.surroundings_.trace.event(machine_.id_, "was forwarded these SETs by node {} before", from);
      return;
    }
    deliver_to_front_end(actors::ForwardedFrom{from, std::move(*sets)}, bytes);
  } else if (auto* replies = std::get_if<wire::ForwardReplies>(&frame.message)) {
    actors_->front_end().post_owed(actors::ForwardAnswersFrom{from, std::move(*replies)}, bytes);
  } else {
    deliver_to_front_end(actors::HelloFrom{from, std::get<wire::Hello>(std::move(frame.message))}, bytes);
  }
}

// As net does: a forward that is not taken is answered so.
void Process::deliver_to_front_end(actors::FrontEndMessage message, std::size_t bytes) {
  if (actors_->front_end().post(std::move(message), bytes) == actors::PostResult::accepted) {
    return;
  }
  if (const auto* forwarded = std::get_if<actors::ForwardedFrom>(&message)) {
    wire::ForwardReplies answers;
    for (const wire::ForwardedSet& set : forwarded->sets.sets) {
      answers.replies.push_back({set.id, wire::NotAppended{}});
    }
    send(forwarded->from, wire::PeerMessage(std::move(answers)));
  }
}

}  // namespace strata::sim
