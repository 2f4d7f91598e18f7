#include "net/peer_transport.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <zmq.hpp>

#include "base/assert.hpp"
#include "net/asio_clock.hpp"
#include "net/frames.hpp"
#include "net/peer_links.hpp"
#include "net/router.hpp"
#include "wire/call.hpp"

namespace strata::net {
namespace {

constexpr int burst_sends = 256;  // then the executor's others have their turn
constexpr std::size_t burst_bytes = 4 << 20;
constexpr std::size_t forward_bytes = 1 << 20;  // SETs forwarded in one message, unless one alone is larger
constexpr auto tend_interval = std::chrono::milliseconds(100);
constexpr actors::MailboxLimits outbox_limits = {4096, 256 << 20};

RouterOptions router_options() {
  return {"member", 3, max_peer_frame, burst_bytes, std::chrono::seconds(3)};
}

const raft::AppendEntries* append_entries_in(const wire::PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message);
  return of_raft == nullptr ? nullptr : std::get_if<raft::AppendEntries>(of_raft);
}

Lane lane_of(const wire::PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message);
  if (of_raft != nullptr && std::holds_alternative<raft::InstallSnapshot>(*of_raft)) {
    return Lane::snapshots;
  }
  const auto* append = append_entries_in(message);
  const bool bulk =
      (append != nullptr && !append->entries.empty()) || std::holds_alternative<wire::ForwardSets>(message);
  return bulk ? Lane::entries : Lane::control;
}

std::size_t size_of(const std::vector<actors::PeerSend>& batch) {
  std::size_t total = 0;
  for (const actors::PeerSend& send : batch) {
    total += wire::size_of(send.message);
  }
  return total;
}

// In messages of `forward_bytes`, or of one SET that is larger.
std::vector<wire::ForwardSets> split(wire::ForwardSets sets) {
  std::vector<wire::ForwardSets> parts;
  std::size_t bytes = forward_bytes;
  for (wire::ForwardedSet& set : sets.sets) {
    const std::size_t size = set.request.key.size() + set.request.value.size();
    if (parts.empty() || bytes + size > forward_bytes) {
      parts.emplace_back();
      bytes = 0;
    }
    bytes += size;
    parts.back().sets.push_back(std::move(set));
  }
  return parts;
}

}  // namespace

struct PeerTransport::Peer {
  std::unique_ptr<PeerLinks> links;
  TimePoint heard;  // or when waiting for it began
  bool silent = true;
  TimePoint hello_due;
};

Result<std::unique_ptr<PeerTransport>> PeerTransport::open(Context& context, boost::asio::any_io_executor executor,
                                                           PeerTransportOptions options, Logger& logger) {
  std::unique_ptr<PeerTransport> opened(new PeerTransport(context, std::move(executor), std::move(options), logger));
  if (!opened->options_.listen.empty()) {
    auto bound = opened->router_->bind(opened->options_.listen);
    if (!bound) {
      return bound.error();
    }
    opened->endpoint_ = std::move(*bound);
  }
  if (const auto connected = opened->connect_all(context); !connected) {
    return connected.error();
  }
  return opened;
}

PeerTransport::PeerTransport(Context& context, boost::asio::any_io_executor executor, PeerTransportOptions options,
                             Logger& logger)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      logger_(logger),
      refused_log_(logger, std::chrono::seconds(1)),
      dropped_log_(logger, std::chrono::seconds(1)),
      router_(std::make_unique<Router>(context, executor_, router_options(), logger)),
      agreement_(options_.hello, options_.peers.size() + 1, logger, options_.on_disagreement),
      outbox_(executor_, outbox_limits),
      tend_timer_(executor_),
      scope_(executor_, logger) {
  zmq::socket_t& socket = router_->socket();
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 1);  // it never sends
  socket.set(zmq::sockopt::rcvhwm, 256);
  socket.set(zmq::sockopt::backlog, 256);
}

PeerTransport::~PeerTransport() = default;

Result<void> PeerTransport::connect_all(Context& context) {
  const TimePoint now = monotonic_now();
  for (const auto& [id, endpoint] : options_.peers) {
    STRATA_ASSERT(id != options_.self);
    try {
      peers_[id] = Peer{std::make_unique<PeerLinks>(context.native(), endpoint, now), now, true, now};
    } catch (const zmq::error_t& error) {
      return Error{ErrorKind::invalid,
                   fmt::format("cannot connect to member {} at {}: {}; right would be tcp://HOST:PORT", id, endpoint,
                               error.what())};
    }
  }
  return {};
}

void PeerTransport::start(const Start& self, const std::vector<KnownMember>& known, actors::RaftMailbox& raft,
                          actors::FrontEndMailbox& front_end) {
  STRATA_ASSERT(!gate_);
  std::vector<NodeId> ids;
  ids.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) {
    ids.push_back(id);
  }
  own_nonce_ = self.nonce;
  if (!known.empty()) {
    agreement_.knows_member();
  }
  gate_.emplace(options_.cluster, options_.self, self, ids, known);
  raft_ = &raft;
  front_end_ = &front_end;
  scope_.spawn(executor_, "messages to members", send_outbox());
  router_->start(scope_, {[this](const MultipartReader& message) { take(message); }, [this] { deliver_to_raft(); }});
  scope_.spawn(executor_, "connections to members", tend_peers());
}

boost::asio::awaitable<void> PeerTransport::stop() {
  outbox_.close();
  co_await scope_.join();
}

void PeerTransport::end() {
  ended_ = true;
  router_->close();
  for (auto& [id, peer] : peers_) {
    peer.links->linger(options_.linger);
  }
  tend_timer_.cancel();
}

PeerTransportCounters PeerTransport::counters() const {
  PeerTransportCounters counters = counters_;
  // relaxed: a counter; nothing is read on the strength of it.
  counters.lost += outbox_full_.load(std::memory_order_relaxed);
  return counters;
}

// ---- Out ----

void PeerTransport::send(std::vector<actors::PeerSend> batch) {
  const std::size_t count = batch.size();
  const std::size_t bytes = size_of(batch);
  if (outbox_.post(std::move(batch), bytes) != actors::PostResult::accepted) {
    // relaxed: as in counters().
    outbox_full_.fetch_add(count, std::memory_order_relaxed);
  }
}

boost::asio::awaitable<void> PeerTransport::send_outbox() {
  for (;;) {
    auto batches = co_await outbox_.receive();
    if (batches.empty()) {
      break;
    }
    int sent = 0;
    for (std::vector<actors::PeerSend>& batch : batches) {
      for (actors::PeerSend& send : batch) {
        send_one(std::move(send));
        if (++sent % burst_sends == 0) {
          co_await boost::asio::post(executor_, boost::asio::use_awaitable);
        }
      }
    }
  }
  end();
}

void PeerTransport::send_one(actors::PeerSend send) {
  auto* sets = std::get_if<wire::ForwardSets>(&send.message);
  if (sets == nullptr) {
    send_frame(send.to, send.message);
    return;
  }
  for (wire::ForwardSets& part : split(std::move(*sets))) {
    send_frame(send.to, std::move(part));
  }
}

bool PeerTransport::send_frame(NodeId to, const wire::PeerMessage& message) {
  const auto peer = peers_.find(to);
  STRATA_ASSERT(peer != peers_.end());
  gate_->sends(to, message);
  const Bytes frame = encode_peer_message(gate_->envelope_to(to), message);
  STRATA_ASSERT(frame.size() <= static_cast<std::size_t>(max_peer_frame));
  const bool sent = peer->second.links->send(lane_of(message), frame, monotonic_now());
  ++(sent ? counters_.sent : counters_.lost);
  if (sent) {
    count(message, frame.size());
  }
  return sent;
}

void PeerTransport::count(const wire::PeerMessage& message, std::size_t bytes) {
  const wire::CallPart part = call_part_of(message);
  traffic_.requests += part == wire::CallPart::request ? 1u : 0u;
  traffic_.answers += part == wire::CallPart::answer ? 1u : 0u;
  traffic_.bytes += bytes;
}

// ---- In ----

void PeerTransport::take(const MultipartReader& message) {
  burst_bytes_ += message.bytes();
  if (message.frames().size() != 2) {
    refuse("it is not one frame");
    return;
  }
  auto decoded = wire::decode_peer_message(SharedBytes(Bytes(message.frames()[1])));
  if (!decoded) {
    refuse(decoded.error().text);
    return;
  }
  take_frame(std::move(*decoded));
}

void PeerTransport::take_frame(wire::PeerFrame frame) {
  const NodeId from = frame.envelope.from;
  const bool is_peer = peers_.contains(from);
  const Incarnation before = is_peer ? gate_->newest(from) : Incarnation(0);
  const auto reason = gate_->refuse(frame.envelope, wire::is_introduction(frame.message));
  if (is_peer && gate_->newest(from) != before) {
    logger_.info("member {} is heard, incarnation {}", from, gate_->newest(from));
    peers_.at(from).silent = false;
    peers_.at(from).hello_due = monotonic_now();  // it does not know this node yet
  }
  if (is_peer && frame.envelope.cluster != options_.cluster && frame.envelope.to == options_.self) {
    agreement_.heard_stranger(from, *reason, monotonic_now());
  }
  if (reason) {
    refuse(*reason);
    return;
  }
  heard(from);
  const std::size_t bytes = wire::size_of(frame.message);
  if (auto* message = std::get_if<raft::Message>(&frame.message)) {
    burst_.messages.push_back({from, std::move(*message), frame.envelope.from_nonce});
  } else if (auto* sets = std::get_if<wire::ForwardSets>(&frame.message)) {
    if (!gate_->is_first(from, *sets)) {
      refuse(fmt::format("its SETs were forwarded by node {} before", from));
      return;
    }
    deliver_to_front_end(actors::ForwardedFrom{from, std::move(*sets)}, bytes);
  } else if (auto* replies = std::get_if<wire::ForwardReplies>(&frame.message)) {
    // Owed: the front end asked for them, and a lost one is an UNKNOWN that need not be.
    front_end_->post_owed(actors::ForwardAnswersFrom{from, std::move(*replies)}, bytes);
  } else {
    wire::Hello& hello = std::get<wire::Hello>(frame.message);
    // One that does not know this start yet would refuse the answer. It says hello again when it does.
    const bool knows_us = frame.envelope.to_nonce == own_nonce_;
    if (knows_us && agreement_.heard(from, hello)) {
      send_frame(from, options_.hello);
    }
    deliver_to_front_end(actors::HelloFrom{from, std::move(hello)}, bytes);
  }
}

void PeerTransport::heard(NodeId from) {
  ++counters_.received;
  agreement_.knows_member();
  Peer& peer = peers_.at(from);
  peer.heard = monotonic_now();
  if (std::exchange(peer.silent, false)) {
    logger_.info("member {} is heard again", from);
  }
}

void PeerTransport::deliver_to_raft() {
  const std::size_t count = burst_.messages.size();
  const std::size_t bytes = std::exchange(burst_bytes_, 0);
  if (count == 0) {
    return;
  }
  actors::RaftMessage message = std::exchange(burst_, {});
  if (raft_->post(std::move(message), bytes) != actors::PostResult::accepted) {
    counters_.dropped += count;
    dropped_log_.warning(monotonic_now(), fmt::format("dropped {} messages of members: Raft is behind", count));
  }
}

void PeerTransport::deliver_to_front_end(actors::FrontEndMessage message, std::size_t bytes) {
  if (front_end_->post(std::move(message), bytes) == actors::PostResult::accepted) {
    return;
  }
  ++counters_.dropped;
  if (const auto* forwarded = std::get_if<actors::ForwardedFrom>(&message)) {
    answer_not_appended(*forwarded);
  }
}

// The front end never saw them, so that is the truth; without an answer their clients would wait for the time to be out
// and be told UNKNOWN.
void PeerTransport::answer_not_appended(const actors::ForwardedFrom& refused) {
  wire::ForwardReplies answers;
  for (const wire::ForwardedSet& set : refused.sets.sets) {
    answers.replies.push_back({set.id, wire::NotAppended{}});
  }
  send_frame(refused.from, std::move(answers));
}

void PeerTransport::refuse(const std::string& reason) {
  ++counters_.refused;
  refused_log_.warning(monotonic_now(), fmt::format("refused a message at {}: {}", endpoint_, reason));
}

// ---- Keeping connections alive ----

boost::asio::awaitable<void> PeerTransport::tend_peers() {
  while (!ended_) {
    const TimePoint now = monotonic_now();
    for (auto& [id, peer] : peers_) {
      tend(id, peer, now);
    }
    tend_timer_.expires_after(tend_interval);
    boost::system::error_code cancelled;
    co_await tend_timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
  }
}

void PeerTransport::tend(NodeId id, Peer& peer, TimePoint now) {
  // A hello that could not be sent is tried again next time: the first one leaves soon after the connection is there.
  if (peer.hello_due <= now && send_frame(id, options_.hello)) {
    peer.hello_due = now + options_.hello_interval;
  }
  const bool silent = now - peer.heard >= options_.silence;
  if (silent && !peer.silent) {
    logger_.warning("member {} has been silent for {} ms", id,
                    std::chrono::duration_cast<std::chrono::milliseconds>(now - peer.heard).count());
    peer.silent = true;
  }
  const bool due = now - peer.links->built() >= options_.silence;
  if (due && (silent || peer.links->stuck(now, options_.silence))) {
    peer.links->rebuild(now);
    ++counters_.rebuilt;
  }
}

}  // namespace strata::net
