#include "net/connection_log.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstring>
#include <utility>
#include <zmq.hpp>

#include "base/assert.hpp"
#include "net/asio_clock.hpp"
#include "net/frames.hpp"

namespace strata::net {
namespace {

constexpr int watched_events =
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr std::size_t event_frames = 2;  // event and value, endpoint
constexpr int burst = 256;

}  // namespace

ConnectionLog::ConnectionLog(zmq::context_t& context, const boost::asio::any_io_executor& executor,
                             zmq::socket_t& watched, std::string who, Logger& logger)
    : watched_(watched), who_(std::move(who)), log_(logger, std::chrono::seconds(1)) {
  const std::string address = fmt::format("inproc://connections-of-{}", fmt::ptr(watched.handle()));
  const int result = zmq_socket_monitor(watched.handle(), address.c_str(), watched_events);
  STRATA_ASSERT(result == 0);
  events_ = std::make_unique<zmq::socket_t>(context, zmq::socket_type::pair);
  events_->set(zmq::sockopt::linger, 0);
  // Unbounded: ZeroMQ's I/O thread would wait for room.
  events_->set(zmq::sockopt::rcvhwm, 0);
  events_->connect(address);
  readiness_ = std::make_unique<Readiness>(executor, *events_);
}

ConnectionLog::~ConnectionLog() {
  zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

boost::asio::awaitable<void> ConnectionLog::run() {
  for (;;) {
    const bool more = log_burst();
    if (more) {
      co_await boost::asio::post(boost::asio::use_awaitable);
    } else if (!co_await readiness_->wait()) {
      co_return;
    }
  }
}

// Whether there may be more.
bool ConnectionLog::log_burst() {
  MultipartReader reader(event_frames);
  for (int i = 0; i < burst; ++i) {
    if (!reader.read(*events_)) {
      return false;
    }
    STRATA_ASSERT(reader.frames().size() == event_frames);
    ByteReader fields(reader.frames()[0]);
    const int event = fields.number<std::uint16_t>();
    const int value = fields.number<std::int32_t>();
    log_event(event, value, std::string(reader.frames()[1]));
  }
  return true;
}

void ConnectionLog::log_event(int event, int value, const std::string& endpoint) {
  std::string reason;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
    reason = value == 0 ? "it ended or took too long" : zmq_strerror(value);
  } else {
    reason = fmt::format("ZeroMQ's code {:#x}", value);
  }
  log_.warning(monotonic_now(), fmt::format("dropped a connection of a {} to {}: no ZeroMQ handshake came of it ({})",
                                            who_, endpoint, reason));
}

}  // namespace strata::net
