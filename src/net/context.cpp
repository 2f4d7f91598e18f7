#include "net/context.hpp"

#include <zmq.hpp>

namespace strata::net {

Context::Context(int io_threads) : context_(std::make_unique<zmq::context_t>(io_threads)) {
  // A socket lingers only as long as it says itself, never for ever by default.
  context_->set(zmq::ctxopt::blocky, 0);
}

Context::~Context() = default;

}  // namespace strata::net
