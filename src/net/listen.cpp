#include "net/listen.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <optional>

namespace strata::net {
namespace {

Error cannot_listen(const std::string& endpoint, int error) {
  const ErrorKind kind = error == EADDRINUSE                           ? ErrorKind::in_use
                         : error == EINVAL || error == EPROTONOSUPPORT ? ErrorKind::invalid
                                                                       : ErrorKind::unavailable;
  const char* hint = kind == ErrorKind::invalid ? "; right would be tcp://HOST:PORT or ipc://PATH" : "";
  return Error{kind, fmt::format("cannot listen on {}: {}{}", endpoint, zmq_strerror(error), hint)};
}

// 0, or the error.
int try_bind(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    // Without this option the address family of IPv6 is refused; with it, tcp://*:PORT needs a kernel that has IPv6.
    socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
    socket.bind(endpoint);
    return 0;
  } catch (const zmq::error_t& error) {
    return error.num();
  }
}

// tcp://NAME:PORT with NAME's first address. ZeroMQ binds to addresses and interfaces only.
std::optional<std::string> with_address(const std::string& endpoint) {
  constexpr std::string_view scheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(scheme) || colon == std::string::npos || colon < scheme.size()) {
    return std::nullopt;
  }
  const std::string host = endpoint.substr(scheme.size(), colon - scheme.size());
  boost::asio::io_context context;
  boost::asio::ip::tcp::resolver resolver(context);
  boost::system::error_code error;
  const auto found = resolver.resolve(boost::asio::ip::tcp::v4(), host, "", error);
  if (error || found.empty()) {
    return std::nullopt;
  }
  return fmt::format("{}{}{}", scheme, found.begin()->endpoint().address().to_string(), endpoint.substr(colon));
}

}  // namespace

Result<std::string> listen_on(zmq::socket_t& socket, const std::string& endpoint) {
  int error = try_bind(socket, endpoint);
  if (error == ENODEV) {
    if (const auto address = with_address(endpoint)) {
      error = try_bind(socket, *address);
    }
  }
  if (error != 0) {
    return cannot_listen(endpoint, error);
  }
  return socket.get(zmq::sockopt::last_endpoint);
}

}  // namespace strata::net
