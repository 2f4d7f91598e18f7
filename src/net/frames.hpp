// Sending and receiving multipart messages without blocking and without exceptions. Private to net.
#pragma once

#include <cstddef>
#include <span>
#include <vector>
#include <zmq.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace strata::net {

// As ZeroMQ's options want it.
int milliseconds(Duration duration);

// ZMQ_EVENTS. Takes what commands have come, and with them the edge of ZMQ_FD.
int events_of(zmq::socket_t& socket);

enum class SendResult {
  sent,
  full,         // nothing was sent: the pipe is full, or there is no connection
  unreachable,  // nothing was sent: a ROUTER knows nobody by that identity (any more)
};

// One message of these frames: all of it or nothing.
SendResult send_frames(zmq::socket_t& socket, std::span<const BytesView> frames);

// Receives one multipart message after the other. What it received last stays readable until the next call.
class MultipartReader {
 public:
  // Frames after the first `max_frames` of a message are dropped as they come.
  explicit MultipartReader(std::size_t max_frames);

  // False: there is no message now.
  bool read(zmq::socket_t& socket);
  // Frees what was received last.
  void clear();

  std::span<const BytesView> frames() const { return views_; }
  // Of the frames that were kept.
  std::size_t bytes() const;

 private:
  std::size_t max_frames_;
  std::vector<zmq::message_t> messages_;
  std::vector<BytesView> views_;
};

}  // namespace strata::net
