// The clients' ROUTER: requests in as batches to the front end's mailbox, replies out as they come (design, section 4).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "actors/ports.hpp"
#include "actors/scope.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "net/context.hpp"
#include "net/log_limit.hpp"
#include "wire/client_protocol.hpp"

namespace strata::net {

class MultipartReader;
class ReplySender;
class Router;

struct ClientSocketOptions {
  std::vector<std::string> listen;  // at least one
  wire::ClientLimits limits;
  Duration reply_patience = std::chrono::seconds(5);     // how long a reply to a client that does not read is kept
  Duration linger = std::chrono::milliseconds(200);      // for the last replies to leave, after everything was stopped
  Duration handshake_timeout = std::chrono::seconds(3);  // then a connection that is not ZeroMQ is dropped
  int high_water_mark = 10'000;                          // messages, each way, for each client
};

struct ClientSocketCounters {
  std::uint64_t requests = 0;  // handed to the front end
  std::uint64_t refused = 0;   // answered here: malformed, too large, busy, stopping
  std::uint64_t replies_sent = 0;
  std::uint64_t replies_kept = 0;  // met a full pipe
  std::uint64_t replies_lost = 0;  // the client was gone, or did not read in time
};

// Everything on the executor, which runs one thing at a time, but for send. Order: open, start, stop.
class ClientSocket : public actors::ClientReplies {
 public:
  // Binds every endpoint; requests that come before start wait in the socket. Before the executor runs, or on it.
  // Errors: an endpoint that cannot be bound; the text names it.
  static Result<std::unique_ptr<ClientSocket>> open(Context& context, boost::asio::any_io_executor executor,
                                                    ClientSocketOptions options, Logger& logger);
  // Stopped, or never started.
  ~ClientSocket() override;

  // As they were bound: with the port, where `*` stood.
  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // `front_end` outlives stop. A full mailbox is answered BUSY, a closed one UNAVAILABLE.
  void start(actors::FrontEndMailbox& front_end);

  // Any thread. Never refused: what it holds is bounded by the front end's admission, which is told what is kept.
  void send(std::vector<wire::ClientReply> batch) override;

  // Sends what was given to send before, then reads and answers nothing any more. Joined when it returns.
  boost::asio::awaitable<void> stop();

  ClientSocketCounters counters() const;

 private:
  ClientSocket(Context& context, boost::asio::any_io_executor executor, ClientSocketOptions options, Logger& logger);

  Result<void> bind_all();

  void take(const MultipartReader& message);
  void deliver();
  void refuse(wire::ClientReply reply);

  boost::asio::awaitable<void> send_replies();
  void after_sends();

  boost::asio::awaitable<void> retry_kept();
  bool backlog_settled() const;
  void report_backlog();
  void end();

  boost::asio::any_io_executor executor_;
  ClientSocketOptions options_;
  Logger& logger_;
  LogLimit refused_log_;
  LogLimit lost_log_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<ReplySender> sender_;
  std::vector<std::string> endpoints_;

  actors::FrontEndMailbox* front_end_ = nullptr;
  actors::ClientRequests burst_;  // taken and not delivered yet
  std::size_t burst_bytes_ = 0;
  actors::Mailbox<std::vector<wire::ClientReply>> outbox_;
  boost::asio::steady_timer retry_timer_;
  bool retrying_ = false;
  bool ended_ = false;
  std::size_t reported_backlog_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t lost_logged_ = 0;
  actors::Scope scope_;
};

}  // namespace strata::net
