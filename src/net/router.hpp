// A bound ROUTER that is read in bursts: what the clients' and the members' sockets have in common. Private to net.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <zmq.hpp>

#include "actors/scope.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "net/connection_log.hpp"
#include "net/context.hpp"
#include "net/frames.hpp"
#include "net/readiness.hpp"

namespace strata::net {

struct RouterOptions {
  std::string who;                  // connects, for the log: "client"
  std::size_t max_frames = 0;       // kept of a message, its sender's identity included
  std::int64_t max_frame_size = 0;  // a larger one drops the connection
  std::size_t burst_bytes = 0;      // read in one burst, and one message more
  Duration handshake_timeout{};     // then a connection that is not ZeroMQ is dropped
};

// Who is given what a Router reads, on its executor.
struct RouterReader {
  std::function<void(const MultipartReader& message)> take;
  std::function<void()> end_burst;  // what was taken goes on its way: the executor's others have their turn next
};

// Everything on the executor, which runs one thing at a time; the constructor and bind also before it runs.
class Router {
 public:
  Router(Context& context, const boost::asio::any_io_executor& executor, RouterOptions options, Logger& logger);

  // For options of the socket (before bind) and for sending; after every burst of sends: recheck.
  zmq::socket_t& socket() { return socket_; }
  void recheck() { readiness_.recheck(); }

  // The endpoint as it was bound: with the port, where `*` stood. Errors: it cannot be bound; the text names it.
  Result<std::string> bind(const std::string& endpoint);

  // Reads until close, in work that belongs to `scope`. Once.
  void start(actors::Scope& scope, RouterReader reader);
  void close();

 private:
  boost::asio::awaitable<void> receive();
  bool receive_burst();

  boost::asio::any_io_executor executor_;
  RouterOptions options_;
  zmq::socket_t socket_;
  Readiness readiness_;
  ConnectionLog connection_log_;
  MultipartReader message_;
  RouterReader reader_;
  bool closed_ = false;
};

}  // namespace strata::net
