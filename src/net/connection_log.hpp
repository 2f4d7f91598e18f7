// Logs the connections that a listening socket dropped because what came was not ZeroMQ.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "net/log_limit.hpp"
#include "net/readiness.hpp"

namespace zmq {
class context_t;
class socket_t;
}  // namespace zmq

namespace strata::net {

// On the executor of the socket that it watches, which outlives it. `who` names the connecting side in the log.
class ConnectionLog {
 public:
  ConnectionLog(zmq::context_t& context, const boost::asio::any_io_executor& executor, zmq::socket_t& watched,
                std::string who, Logger& logger);
  // run has ended.
  ~ConnectionLog();

  // Until close.
  boost::asio::awaitable<void> run();
  void close() { readiness_->close(); }

 private:
  bool log_burst();
  void log_event(int event, int value, const std::string& endpoint);

  zmq::socket_t& watched_;
  std::string who_;
  LogLimit log_;
  std::unique_ptr<zmq::socket_t> events_;
  std::unique_ptr<Readiness> readiness_;
};

}  // namespace strata::net
