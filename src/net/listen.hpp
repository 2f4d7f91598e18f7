// Binding a socket to an endpoint that a person wrote. Private to net.
#pragma once

#include <string>
#include <zmq.hpp>

#include "base/result.hpp"

namespace strata::net {

// The endpoint as it was bound (`tcp://127.0.0.1:*` with its port). A host's name is looked up, which may block.
// Errors: in_use, invalid, unavailable; the text names the endpoint.
Result<std::string> listen_on(zmq::socket_t& socket, const std::string& endpoint);

}  // namespace strata::net
