#include "client/link.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace strata::client {
namespace {

constexpr int patience_ms = 20'000;

// A round trip through the context's I/O thread; false when it is not made in time.
bool io_thread_works(zmq::context_t& context) {
  zmq::socket_t server(context, zmq::socket_type::router);
  zmq::socket_t client(context, zmq::socket_type::dealer);
  for (zmq::socket_t* socket : {&server, &client}) {
    socket->set(zmq::sockopt::linger, 0);
    socket->set(zmq::sockopt::rcvtimeo, patience_ms);
  }
  server.bind("tcp://127.0.0.1:*");
  client.connect(server.get(zmq::sockopt::last_endpoint));
  client.send(zmq::str_buffer("ping"), zmq::send_flags::none);
  zmq::message_t identity;
  return server.recv(identity).has_value();
}

// Blocks the destructor of a context whose I/O thread hangs: left behind by a test that has failed anyway.
struct Context {
  zmq::context_t* native = new zmq::context_t(1);
  bool works = false;
  ~Context() {
    if (works) {
      delete native;
    }
  }
};

// Whatever happens to the link is told by its descriptor, however early it happens.
void await_ready(Link& link) {
  zmq::pollitem_t event{nullptr, link.event_descriptor(), ZMQ_POLLIN, 0};
  while (link.state() != Link::State::ready) {
    REQUIRE(zmq::poll(&event, 1, std::chrono::milliseconds(patience_ms)) == 1);
    link.read_events();
  }
}

TEST_CASE("a link says connecting until its descriptor has told of more") {
  Context context;
  zmq::socket_t server(*context.native, zmq::socket_type::router);
  server.set(zmq::sockopt::linger, 0);
  server.bind("tcp://127.0.0.1:*");
  const std::string endpoint = server.get(zmq::sockopt::last_endpoint);
  for (int round = 0; round < 200; ++round) {
    Link link(*context.native, endpoint);
    CHECK((link.state() == Link::State::connecting));
    await_ready(link);
  }
  context.works = true;
}

TEST_CASE("links that end while they connect, or are connected, leave ZeroMQ's I/O thread working") {
  Context context;
  zmq::socket_t server(*context.native, zmq::socket_type::router);
  server.set(zmq::sockopt::linger, 0);
  server.bind("tcp://127.0.0.1:*");
  const std::string alive = server.get(zmq::sockopt::last_endpoint);
  zmq::socket_t gone(*context.native, zmq::socket_type::router);
  gone.bind("tcp://127.0.0.1:*");
  const std::string dead = gone.get(zmq::sockopt::last_endpoint);
  gone.close();
  for (int round = 0; round < 200; ++round) {
    std::vector<std::unique_ptr<Link>> links;
    for (const std::string& endpoint : {alive, dead}) {
      links.push_back(std::make_unique<Link>(*context.native, endpoint));
    }
    if (round % 2 == 0) {
      await_ready(*links.front());
    }
  }
  server.close();
  context.works = io_thread_works(*context.native);
  CHECK(context.works);
}

}  // namespace
}  // namespace strata::client
