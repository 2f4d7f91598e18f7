// Sends replies on the clients' ROUTER without ever blocking; keeps those that meet a full pipe. Private to net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <zmq.hpp>

#include "base/time.hpp"
#include "wire/client_protocol.hpp"

namespace strata::net {

struct ReplyCounters {
  std::uint64_t sent = 0;
  std::uint64_t kept = 0;       // met a full pipe
  std::uint64_t timed_out = 0;  // were kept, and the client did not read until their time was out
  std::uint64_t client_gone = 0;
};

// On the executor of the socket, which outlives it.
class ReplySender {
 public:
  // A reply is kept for `patience` at most.
  ReplySender(zmq::socket_t& socket, Duration patience) : socket_(socket), patience_(patience) {}

  void send(wire::ClientReply reply, TimePoint now);
  // Tries again what is kept, each client's in order, and drops what is too old.
  void retry(TimePoint now);

  // About how much memory the kept replies hold.
  std::size_t kept_bytes() const { return kept_bytes_; }
  std::size_t kept_replies() const;
  const ReplyCounters& counters() const { return counters_; }

 private:
  struct Kept {
    wire::ClientReply reply;
    TimePoint until;
  };
  using Queue = std::deque<Kept>;

  // False: the pipe is full.
  bool try_send();
  void drop_front(Queue& queue);

  zmq::socket_t& socket_;
  Duration patience_;
  wire::ReplyFrames frames_;     // of the reply at hand
  std::map<Bytes, Queue> kept_;  // by identity; no queue is empty
  std::size_t kept_bytes_ = 0;
  ReplyCounters counters_;
};

}  // namespace strata::net
