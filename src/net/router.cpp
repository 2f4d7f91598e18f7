#include "net/router.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/listen.hpp"

namespace strata::net {

namespace {
constexpr int burst_messages = 256;
}  // namespace

Router::Router(Context& context, const boost::asio::any_io_executor& executor, RouterOptions options, Logger& logger)
    : executor_(executor),
      options_(std::move(options)),
      socket_(context.native(), zmq::socket_type::router),
      readiness_(executor_, socket_),
      connection_log_(context.native(), executor_, socket_, options_.who, logger),
      message_(options_.max_frames) {
  socket_.set(zmq::sockopt::maxmsgsize, options_.max_frame_size);
  socket_.set(
      zmq::sockopt::handshake_ivl,
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(options_.handshake_timeout).count()));
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
}

Result<std::string> Router::bind(const std::string& endpoint) {
  return listen_on(socket_, endpoint);
}

void Router::start(actors::Scope& scope, RouterReader reader) {
  reader_ = std::move(reader);
  scope.spawn(executor_, options_.who + " messages", receive());
  scope.spawn(executor_, options_.who + " connections", connection_log_.run());
}

void Router::close() {
  closed_ = true;
  readiness_.close();
  connection_log_.close();
}

boost::asio::awaitable<void> Router::receive() {
  while (!closed_) {
    const bool more = receive_burst();
    if (more) {
      co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    } else if (!co_await readiness_.wait()) {
      co_return;
    }
  }
}

// Whether there may be more.
bool Router::receive_burst() {
  std::size_t bytes = 0;
  bool more = true;
  for (int i = 0; i < burst_messages && bytes < options_.burst_bytes && more; ++i) {
    more = message_.read(socket_);
    if (more) {
      bytes += message_.bytes();
      reader_.take(message_);
    }
  }
  message_.clear();
  reader_.end_burst();
  return more;
}

}  // namespace strata::net
