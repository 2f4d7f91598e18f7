#include "client/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace strata::client {

namespace {

constexpr int high_water_mark = 10'000;
constexpr std::int64_t max_frame = (16 << 20) + (64 << 10);
constexpr int first_reconnect_ms = 20;
constexpr int last_reconnect_ms = 200;
constexpr int connect_timeout_ms = 2000;
constexpr int handshake_ms = 3000;

constexpr int watched_events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                               ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// One frame; false when it was not sent.
bool send_frame(zmq::socket_t& socket, const void* data, std::size_t size, int flags) {
  while (zmq_send(socket.handle(), data, size, flags | ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() != EINTR) {
      return false;
    }
  }
  return true;
}

bool receive_frame(zmq::socket_t& socket, zmq::message_t& into) {
  while (zmq_msg_recv(into.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

Link::Link(zmq::context_t& context, const std::string& endpoint)
    : socket_(context, zmq::socket_type::dealer), monitor_(context, zmq::socket_type::pair) {
  configure();
  const bool watched = watch();
  receive_descriptor_ = socket_.get(zmq::sockopt::fd);
  event_descriptor_ = monitor_.get(zmq::sockopt::fd);
  // A pipe wakes its reader only after a read that found it empty; before connecting, so that no event is read here,
  // where nobody would learn of it.
  read_events();
  if (!watched || zmq_connect(socket_.handle(), endpoint.c_str()) != 0) {
    state_ = State::lost;
  }
}

// The watching ends before the monitor does: an event that finds no reader would hold up ZeroMQ's I/O thread, and with
// it every connection of the process, for ever.
Link::~Link() {
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

void Link::configure() {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::immediate, 1);
  socket_.set(zmq::sockopt::sndhwm, high_water_mark);
  socket_.set(zmq::sockopt::rcvhwm, high_water_mark);
  socket_.set(zmq::sockopt::maxmsgsize, max_frame);
  socket_.set(zmq::sockopt::reconnect_ivl, first_reconnect_ms);
  socket_.set(zmq::sockopt::reconnect_ivl_max, last_reconnect_ms);
  socket_.set(zmq::sockopt::connect_timeout, connect_timeout_ms);
  socket_.set(zmq::sockopt::handshake_ivl, handshake_ms);
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.set(zmq::sockopt::rcvhwm, 0);
}

bool Link::watch() {
  static std::atomic<std::uint64_t> next{0};
  const std::string address = fmt::format("inproc://strata-client-monitor-{}", next.fetch_add(1));
  return zmq_socket_monitor(socket_.handle(), address.c_str(), watched_events) == 0 &&
         zmq_connect(monitor_.handle(), address.c_str()) == 0;
}

bool Link::send(std::uint64_t number, std::span<const Bytes> body) {
  if (state_ != State::ready || !send_frame(socket_, &number, sizeof number, ZMQ_SNDMORE)) {
    return false;
  }
  // Only the first frame can meet a full pipe. If the connection dies in the middle, ZeroMQ drops the message, and the
  // monitor tells: it counts as sent, its fate not known.
  send_frame(socket_, "", 0, ZMQ_SNDMORE);
  for (std::size_t i = 0; i < body.size(); ++i) {
    send_frame(socket_, body[i].data(), body[i].size(), i + 1 < body.size() ? ZMQ_SNDMORE : 0);
  }
  return true;
}

bool Link::receive(ReceivedMessage& into) {
  std::size_t count = 0;
  bool more = true;
  while (more) {
    zmq::message_t& frame = into.messages_[std::min(count, ReceivedMessage::max_frames - 1)];
    if (!receive_frame(socket_, frame)) {
      return false;
    }
    if (count < ReceivedMessage::max_frames) {
      into.views_[count] = frame.to_string_view();
    }
    ++count;
    more = frame.more();
  }
  into.count_ = count <= ReceivedMessage::max_frames ? count : 0;
  return true;
}

bool Link::has_input() {
  int events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket_.handle(), ZMQ_EVENTS, &events, &size) != 0) {
    if (zmq_errno() != EINTR) {
      return false;
    }
  }
  return (events & ZMQ_POLLIN) != 0;
}

void Link::read_events() {
  zmq::message_t frame;
  while (receive_frame(monitor_, frame)) {
    std::uint16_t event = 0;
    if (frame.size() >= sizeof event) {
      std::memcpy(&event, frame.data(), sizeof event);
      on_event(event);
    }
    while (frame.more() && receive_frame(monitor_, frame)) {
    }
  }
}

void Link::on_event(std::uint16_t event) {
  if (state_ == State::lost) {
    return;
  }
  if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    state_ = State::ready;
  } else if (state_ == State::ready) {
    state_ = event == ZMQ_EVENT_DISCONNECTED ? State::lost : State::ready;
  } else {
    state_ = State::refused;
  }
}

}  // namespace strata::client
