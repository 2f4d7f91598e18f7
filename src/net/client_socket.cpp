#include "net/client_socket.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <utility>
#include <zmq.hpp>

#include "base/assert.hpp"
#include "net/asio_clock.hpp"
#include "net/frames.hpp"
#include "net/reply_sender.hpp"
#include "net/router.hpp"

namespace strata::net {
namespace {

constexpr std::int64_t max_frame_size = (16 << 20) + (64 << 10);  // the contract's: a larger frame drops the connection
constexpr int burst_replies = 256;                                // then the executor's others have their turn
constexpr std::size_t burst_bytes = 1 << 20;
constexpr auto retry_interval = std::chrono::milliseconds(20);

RouterOptions router_options(const ClientSocketOptions& options) {
  return {"client", wire::ClientLimits::max_frames + 1, max_frame_size, burst_bytes, options.handshake_timeout};
}

wire::ErrorReply busy() {
  return {wire::ErrorCode::busy, "the node has as many requests as it takes: try again later", std::nullopt};
}

wire::ErrorReply stopping() {
  return {wire::ErrorCode::unavailable, "the node is stopping: ask another one", std::nullopt};
}

}  // namespace

Result<std::unique_ptr<ClientSocket>> ClientSocket::open(Context& context, boost::asio::any_io_executor executor,
                                                         ClientSocketOptions options, Logger& logger) {
  STRATA_ASSERT(!options.listen.empty());
  std::unique_ptr<ClientSocket> opened(new ClientSocket(context, std::move(executor), std::move(options), logger));
  if (const auto bound = opened->bind_all(); !bound) {
    return bound.error();
  }
  return opened;
}

ClientSocket::ClientSocket(Context& context, boost::asio::any_io_executor executor, ClientSocketOptions options,
                           Logger& logger)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      logger_(logger),
      refused_log_(logger, std::chrono::seconds(1)),
      lost_log_(logger, std::chrono::seconds(1)),
      router_(std::make_unique<Router>(context, executor_, router_options(options_), logger)),
      sender_(std::make_unique<ReplySender>(router_->socket(), options_.reply_patience)),
      outbox_(executor_, {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max()}),
      retry_timer_(executor_),
      scope_(executor_, logger) {
  zmq::socket_t& socket = router_->socket();
  socket.set(zmq::sockopt::linger, milliseconds(options_.linger));
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::sndhwm, options_.high_water_mark);
  socket.set(zmq::sockopt::rcvhwm, options_.high_water_mark);
  socket.set(zmq::sockopt::tcp_maxrt, 5000);
  socket.set(zmq::sockopt::backlog, 1024);
}

ClientSocket::~ClientSocket() = default;

Result<void> ClientSocket::bind_all() {
  for (const std::string& endpoint : options_.listen) {
    auto bound = router_->bind(endpoint);
    if (!bound) {
      return bound.error();
    }
    endpoints_.push_back(std::move(*bound));
  }
  return {};
}

void ClientSocket::start(actors::FrontEndMailbox& front_end) {
  STRATA_ASSERT(front_end_ == nullptr);
  front_end_ = &front_end;
  router_->start(scope_, {[this](const MultipartReader& message) { take(message); }, [this] { deliver(); }});
  scope_.spawn(executor_, "the clients' replies", send_replies());
}

void ClientSocket::send(std::vector<wire::ClientReply> batch) {
  const auto result = outbox_.post(std::move(batch), 0);
  STRATA_ASSERT(result == actors::PostResult::accepted);
}

boost::asio::awaitable<void> ClientSocket::stop() {
  outbox_.close();
  co_await scope_.join();
}

ClientSocketCounters ClientSocket::counters() const {
  const ReplyCounters& replies = sender_->counters();
  return {requests_, refused_, replies.sent, replies.kept, replies.timed_out + replies.client_gone};
}

// ---- Requests ----

void ClientSocket::take(const MultipartReader& message) {
  auto decoded = decode_client_request(message.frames(), options_.limits);
  if (auto* request = std::get_if<wire::ClientRequest>(&decoded)) {
    burst_bytes_ += size_of(*request);
    burst_.requests.push_back(std::move(*request));
  } else if (auto* reply = std::get_if<wire::ClientReply>(&decoded)) {
    const auto& error = std::get<wire::ErrorReply>(reply->body);
    refused_log_.warning(monotonic_now(),
                         fmt::format("refused a client's message: {} {}", name_of(error.code), error.text));
    refuse(std::move(*reply));
  }
}

void ClientSocket::deliver() {
  const std::size_t count = burst_.requests.size();
  if (count == 0) {
    return;
  }
  actors::FrontEndMessage message = std::exchange(burst_, {});
  const auto result = front_end_->post(std::move(message), std::exchange(burst_bytes_, 0));
  if (result == actors::PostResult::accepted) {
    requests_ += count;
    return;
  }
  for (wire::ClientRequest& request : std::get<actors::ClientRequests>(message).requests) {
    refuse({std::move(request.from), result == actors::PostResult::full ? busy() : stopping()});
  }
}

void ClientSocket::refuse(wire::ClientReply reply) {
  ++refused_;
  sender_->send(std::move(reply), monotonic_now());
  if (!backlog_settled()) {
    after_sends();
  }
}

// ---- Replies ----

boost::asio::awaitable<void> ClientSocket::send_replies() {
  for (;;) {
    auto batches = co_await outbox_.receive();
    if (batches.empty()) {
      break;
    }
    int sent = 0;
    for (std::vector<wire::ClientReply>& batch : batches) {
      for (wire::ClientReply& reply : batch) {
        sender_->send(std::move(reply), monotonic_now());
        if (++sent % burst_replies == 0) {
          after_sends();
          co_await boost::asio::post(executor_, boost::asio::use_awaitable);
        }
      }
    }
    after_sends();
  }
  end();
}

void ClientSocket::after_sends() {
  report_backlog();
  if (!backlog_settled() && !retrying_ && !ended_) {
    retrying_ = true;
    scope_.spawn(executor_, "the replies that wait", retry_kept());
  }
  router_->recheck();
}

void ClientSocket::end() {
  ended_ = true;
  if (sender_->kept_replies() > 0) {
    logger_.warning("stopped with {} replies to clients that do not read", sender_->kept_replies());
  }
  router_->close();
  retry_timer_.cancel();
}

// ---- Replies that met a full pipe ----

// Nothing is kept, and the front end knows.
bool ClientSocket::backlog_settled() const {
  return sender_->kept_bytes() == 0 && reported_backlog_ == 0;
}

boost::asio::awaitable<void> ClientSocket::retry_kept() {
  while (!ended_ && !backlog_settled()) {
    retry_timer_.expires_after(retry_interval);
    boost::system::error_code cancelled;
    co_await retry_timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    sender_->retry(monotonic_now());
    after_sends();
  }
  retrying_ = false;
}

void ClientSocket::report_backlog() {
  const std::size_t kept = sender_->kept_bytes();
  if (kept != reported_backlog_) {
    // A full mailbox is told later: the timer goes on until the front end knows.
    actors::FrontEndMessage message = actors::ReplyBacklog{kept};
    if (front_end_->post(std::move(message), sizeof message) != actors::PostResult::full) {
      reported_backlog_ = kept;
    }
  }
  const std::uint64_t lost = sender_->counters().timed_out;
  if (lost != lost_logged_) {
    lost_log_.warning(monotonic_now(),
                      fmt::format("dropped {} replies to clients that did not read them in time", lost - lost_logged_));
    lost_logged_ = lost;
  }
}

}  // namespace strata::net
