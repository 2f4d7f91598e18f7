#include "net/frames.hpp"

#include <cerrno>
#include <chrono>

#include "base/assert.hpp"

namespace strata::net {
namespace {

// Calls again when a signal came in between. Any other failure than "not now" and "nobody there" is our own misuse.
template <class Call>
SendResult retried(Call call) {
  for (;;) {
    if (call() >= 0) {
      return SendResult::sent;
    }
    const int error = zmq_errno();
    if (error == EAGAIN) {
      return SendResult::full;
    }
    if (error == EHOSTUNREACH) {
      return SendResult::unreachable;
    }
    STRATA_ASSERT(error == EINTR);
  }
}

bool receive(zmq::socket_t& socket, zmq::message_t& message) {
  const auto result = retried([&] { return zmq_msg_recv(message.handle(), socket.handle(), ZMQ_DONTWAIT); });
  STRATA_ASSERT(result != SendResult::unreachable);
  return result == SendResult::sent;
}

}  // namespace

int milliseconds(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

int events_of(zmq::socket_t& socket) {
  int events = 0;
  std::size_t size = sizeof events;
  const auto result = retried([&] { return zmq_getsockopt(socket.handle(), ZMQ_EVENTS, &events, &size); });
  STRATA_ASSERT(result == SendResult::sent);
  return events;
}

SendResult send_frames(zmq::socket_t& socket, std::span<const BytesView> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    const auto result = retried([&] { return zmq_send(socket.handle(), frames[i].data(), frames[i].size(), flags); });
    // Only a first frame can be refused (libzmq's promise); half a message would be continued by the next one.
    STRATA_ASSERT(result == SendResult::sent || i == 0);
    if (result != SendResult::sent) {
      return result;
    }
  }
  return SendResult::sent;
}

MultipartReader::MultipartReader(std::size_t max_frames) : max_frames_(max_frames) {
  // Never grown, because short messages lie inside their message_t and the views point there.
  messages_.reserve(max_frames);
  views_.reserve(max_frames);
}

bool MultipartReader::read(zmq::socket_t& socket) {
  clear();
  zmq::message_t dropped;
  for (bool more = true; more;) {
    const bool keep = messages_.size() < max_frames_;
    zmq::message_t& message = keep ? messages_.emplace_back() : dropped;
    if (!receive(socket, message)) {
      // A message arrives whole: after its first frame the others are there.
      STRATA_ASSERT(messages_.size() == 1);
      clear();
      return false;
    }
    if (keep) {
      views_.emplace_back(static_cast<const char*>(message.data()), message.size());
    }
    more = message.more();
  }
  return true;
}

void MultipartReader::clear() {
  views_.clear();
  messages_.clear();
}

std::size_t MultipartReader::bytes() const {
  std::size_t total = 0;
  for (BytesView view : views_) {
    total += view.size();
  }
  return total;
}

}  // namespace strata::net
