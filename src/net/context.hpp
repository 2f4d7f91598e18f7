// The process's one ZeroMQ context, in a header without ZeroMQ's own: outside net nothing sees those.
#pragma once

#include <memory>

namespace zmq {
class context_t;
}

namespace strata::net {

class Context {
 public:
  // Starts the I/O threads that move bytes between ZeroMQ's queues and the network.
  explicit Context(int io_threads = 1);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  // Every socket is closed before. Waits for what still leaves to clients and members (their options' linger).
  ~Context();

  zmq::context_t& native() { return *context_; }

 private:
  std::unique_ptr<zmq::context_t> context_;
};

}  // namespace strata::net
