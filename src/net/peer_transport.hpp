// The members' network: one ROUTER that receives from all, three DEALERs towards each (design, section 4). Messages
// flow only from DEALER to ROUTER; an answer takes the way of the other direction.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "actors/ports.hpp"
#include "actors/scope.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/membership.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "net/agreement.hpp"
#include "net/context.hpp"
#include "net/log_limit.hpp"
#include "wire/peer_gate.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::net {

class MultipartReader;
class PeerLinks;
class Router;

struct PeerTransportOptions {
  ClusterId cluster;
  NodeId self;
  std::string listen;                   // this node's own endpoint; empty: nobody connects (a cluster of one)
  std::map<NodeId, std::string> peers;  // the other members' endpoints; may be empty
  wire::Hello hello;                    // what this node says of itself
  std::function<void(const Error&)> on_disagreement = [](const Error&) {};  // net/agreement.hpp
  Duration hello_interval = std::chrono::seconds(1);
  Duration silence = std::chrono::seconds(3);        // of a peer, after which its connections are built anew
  Duration linger = std::chrono::milliseconds(200);  // for the last messages to leave, after everything was stopped
};

struct PeerTransportCounters {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;      // no connection, or its queue was full, or too many waited to be sent
  std::uint64_t received = 0;  // and handed on
  std::uint64_t refused = 0;   // malformed, of another cluster, of an earlier incarnation, …
  std::uint64_t dropped = 0;   // sound, but the mailbox was full or closed
  std::uint64_t rebuilt = 0;   // connections of a peer built anew
};

// Everything on the executor, which runs one thing at a time, but for send. Order: open, start, stop.
class PeerTransport : public actors::PeerTransport {
 public:
  // Binds the own endpoint and begins to connect. Before the executor runs, or on it. Errors: an endpoint that cannot
  // be used; the text names it.
  static Result<std::unique_ptr<PeerTransport>> open(Context& context, boost::asio::any_io_executor executor,
                                                     PeerTransportOptions options, Logger& logger);
  // Stopped, or never started.
  ~PeerTransport() override;

  // As it was bound; empty when nothing was.
  const std::string& endpoint() const { return endpoint_; }

  // Both mailboxes outlive stop. Raft's messages go to `raft`, what members say besides to `front_end`. `known`: what
  // is on the disk of the other members.
  void start(const Start& self, const std::vector<KnownMember>& known, actors::RaftMailbox& raft,
             actors::FrontEndMailbox& front_end);

  // Any thread. After stop it does nothing.
  void send(std::vector<actors::PeerSend> batch) override;
  actors::PeerTraffic traffic() const override { return traffic_; }

  // Sends what was given to send before, and ends. What is then still on its way has until Options::linger to leave,
  // while the context closes. Joined when it returns.
  boost::asio::awaitable<void> stop();

  PeerTransportCounters counters() const;

 private:
  struct Peer;

  PeerTransport(Context& context, boost::asio::any_io_executor executor, PeerTransportOptions options, Logger& logger);
  Result<void> connect_all(Context& context);

  boost::asio::awaitable<void> send_outbox();
  void send_one(actors::PeerSend send);
  void count(const wire::PeerMessage& message, std::size_t bytes);
  bool send_frame(NodeId to, const wire::PeerMessage& message);
  void end();

  void take(const MultipartReader& message);
  void take_frame(wire::PeerFrame frame);
  void heard(NodeId from);
  void deliver_to_raft();
  void deliver_to_front_end(actors::FrontEndMessage message, std::size_t bytes);
  void answer_not_appended(const actors::ForwardedFrom& refused);
  void refuse(const std::string& reason);

  boost::asio::awaitable<void> tend_peers();
  void tend(NodeId id, Peer& peer, TimePoint now);

  boost::asio::any_io_executor executor_;
  PeerTransportOptions options_;
  Logger& logger_;
  LogLimit refused_log_;
  LogLimit dropped_log_;
  std::unique_ptr<Router> router_;
  std::string endpoint_;

  std::map<NodeId, Peer> peers_;
  std::optional<wire::PeerGate> gate_;  // from start on
  Agreement agreement_;
  std::uint64_t own_nonce_ = 0;  // of this start
  actors::RaftMailbox* raft_ = nullptr;
  actors::FrontEndMailbox* front_end_ = nullptr;
  actors::PeerMessages burst_;  // taken for Raft and not delivered yet
  std::size_t burst_bytes_ = 0;
  actors::Mailbox<std::vector<actors::PeerSend>> outbox_;
  std::atomic<std::uint64_t> outbox_full_ = 0;  // messages lost before they came to the executor
  boost::asio::steady_timer tend_timer_;
  bool ended_ = false;
  PeerTransportCounters counters_;
  actors::PeerTraffic traffic_;
  actors::Scope scope_;
};

}  // namespace strata::net
