// Waiting for a ZeroMQ socket on an Asio executor: the one place that knows how ZMQ_FD behaves.
//
// ZMQ_FD is edge-triggered and stands for "commands have come", not for "there is a message": any send, receive or look
// at ZMQ_EVENTS takes the commands and with them the edge. So nobody sleeps on it before having read ZMQ_EVENTS, and
// who has sent reads them again on behalf of a reader that already sleeps.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace zmq {
class socket_t;
}

namespace strata::net {

// Everything here, and every use of the socket, belongs to one executor that runs one thing at a time.
class Readiness {
 public:
  // `socket` outlives this.
  Readiness(const boost::asio::any_io_executor& executor, zmq::socket_t& socket);
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  // Nobody waits. The descriptor stays ZeroMQ's: it is released, not closed.
  ~Readiness();

  // True: there is something to receive. False: closed. One waiter at a time.
  boost::asio::awaitable<bool> wait();

  // After every burst of sends, before control goes back to the executor: wakes the waiter when a message came in with
  // the commands that the sends took.
  void recheck();

  // Wakes the waiter; every wait from now on returns false.
  void close();

 private:
  bool readable();

  zmq::socket_t& socket_;
  boost::asio::posix::stream_descriptor descriptor_;
  bool waiting_ = false;
  bool closed_ = false;
};

}  // namespace strata::net
