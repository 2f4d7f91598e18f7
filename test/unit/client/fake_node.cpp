#include "fake_node.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace strata::client::test {

namespace {

// Below the ephemeral ports: a client that keeps connecting to a dead one of those can meet itself.
constexpr std::uint16_t first_port = 20'000;
constexpr std::uint16_t last_port = 32'000;

std::string bind_somewhere(zmq::socket_t& socket) {
  static std::atomic<std::uint32_t> turn{static_cast<std::uint32_t>(std::random_device()())};
  for (;;) {
    const std::uint32_t port = first_port + turn++ % (last_port - first_port);
    const std::string endpoint = fmt::format("tcp://127.0.0.1:{}", port);
    if (zmq_bind(socket.handle(), endpoint.c_str()) == 0) {
      return endpoint;
    }
  }
}

}  // namespace

FakeNode::FakeNode(std::uint16_t id, Script script, std::uint16_t port)
    : id_(id), script_(std::move(script)), router_(context_, zmq::socket_type::router), leader_(id) {
  router_.set(zmq::sockopt::linger, 0);
  router_.set(zmq::sockopt::rcvtimeo, 5);  // how soon the thread sees that it shall stop
  if (port == 0) {
    endpoint_ = bind_somewhere(router_);
  } else {
    endpoint_ = fmt::format("tcp://127.0.0.1:{}", port);
    router_.bind(endpoint_);
  }
  know_member(id, endpoint_);
  thread_ = std::thread(&FakeNode::run, this);
}

FakeNode::~FakeNode() {
  stopping_.store(true);
  thread_.join();
}

std::uint16_t FakeNode::port() const {
  return static_cast<std::uint16_t>(std::stoi(endpoint_.substr(endpoint_.rfind(':') + 1)));
}

void FakeNode::follow(std::uint16_t leader, std::uint64_t term) {
  const std::lock_guard lock(mutex_);
  leader_ = leader;
  term_ = term;
}

void FakeNode::know_member(std::uint16_t id, const std::string& endpoint) {
  const std::lock_guard lock(mutex_);
  members_ += fmt::format(R"({}{{"id":{},"peer":"","clients":["{}"]}})", members_.empty() ? "" : ",", id, endpoint);
}

std::string FakeNode::status_json() {
  const std::lock_guard lock(mutex_);
  return fmt::format(R"({{"id":{},"role":"{}","leader":{},"term":{},"members":[{}]}})", id_,
                     leader_ == id_ ? "leader" : "follower", leader_, term_, members_);
}

void FakeNode::run() {
  while (!stopping_.load()) {
    Frames message;
    zmq::message_t frame;
    do {
      if (!router_.recv(frame)) {
        break;
      }
      message.push_back(frame.to_string());
    } while (frame.more());
    if (!message.empty()) {
      handle(std::move(message));
    }
  }
  router_.close();
}

void FakeNode::handle(Frames&& message) {
  Incoming incoming;
  bool in_body = false;
  for (std::string& frame : message) {
    if (!in_body && frame.empty()) {
      in_body = true;
    } else {
      (in_body ? incoming.body : incoming.address).push_back(std::move(frame));
    }
  }
  if (incoming.body == Frames{"STATUS"}) {
    if (!silent_.load()) {
      reply(incoming, {"OK", status_json()});
      ++statuses_;
    }
    return;
  }
  script_(*this, incoming);
}

void FakeNode::reply(const Incoming& to, const Frames& body) {
  Frames all = to.address;
  all.emplace_back();
  all.insert(all.end(), body.begin(), body.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    router_.send(zmq::buffer(all[i]), i + 1 < all.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

}  // namespace strata::client::test
