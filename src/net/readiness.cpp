#include "net/readiness.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <zmq.hpp>

#include "base/assert.hpp"
#include "net/frames.hpp"

namespace strata::net {

using boost::asio::posix::stream_descriptor;

Readiness::Readiness(const boost::asio::any_io_executor& executor, zmq::socket_t& socket)
    : socket_(socket), descriptor_(executor, socket.get(zmq::sockopt::fd)) {}

Readiness::~Readiness() {
  STRATA_ASSERT(!waiting_);
  descriptor_.release();
}

boost::asio::awaitable<bool> Readiness::wait() {
  STRATA_ASSERT(!waiting_);
  while (!closed_ && !readable()) {
    waiting_ = true;
    boost::system::error_code error;
    co_await descriptor_.async_wait(stream_descriptor::wait_read,
                                    boost::asio::redirect_error(boost::asio::use_awaitable, error));
    waiting_ = false;
    STRATA_ASSERT(!error || error == boost::asio::error::operation_aborted);
  }
  co_return !closed_;
}

void Readiness::recheck() {
  if (waiting_ && readable()) {
    descriptor_.cancel();
  }
}

void Readiness::close() {
  closed_ = true;
  if (waiting_) {
    descriptor_.cancel();
  }
}

bool Readiness::readable() {
  return (events_of(socket_) & ZMQ_POLLIN) != 0;
}

}  // namespace strata::net
