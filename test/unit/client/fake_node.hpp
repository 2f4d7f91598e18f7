// A node as a client sees it, played by a test: a ROUTER on a thread of its own that speaks the client protocol as the
// test's script says.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace strata::client::test {

using Frames = std::vector<std::string>;

// One request as it came in, with what it takes to answer it.
struct Incoming {
  Frames address;  // identity, envelope
  Frames body;     // VERB argument*
};

class FakeNode {
 public:
  // Called on the node's thread for each request but STATUS: answers with reply(), now or later, or not at all.
  using Script = std::function<void(FakeNode&, const Incoming&)>;

  // Listens on `port` of the loopback, 0: on a free one.
  FakeNode(std::uint16_t id, Script script, std::uint16_t port = 0);
  ~FakeNode();
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  std::uint16_t port() const;

  // What its STATUS says. Any thread.
  void follow(std::uint16_t leader, std::uint64_t term);
  void know_member(std::uint16_t id, const std::string& endpoint);
  // From now on STATUS is not answered either.
  void fall_silent() { silent_.store(true); }
  std::uint64_t statuses_answered() const { return statuses_.load(); }

  // On the node's thread (from the script).
  void reply(const Incoming& to, const Frames& body);

 private:
  void run();
  void handle(Frames&& message);
  std::string status_json();

  const std::uint16_t id_;
  const Script script_;
  zmq::context_t context_;
  zmq::socket_t router_;
  std::string endpoint_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> silent_{false};
  std::atomic<std::uint64_t> statuses_{0};
  std::mutex mutex_;
  std::uint16_t leader_;
  std::uint64_t term_ = 1;
  std::string members_;
  std::thread thread_;
};

}  // namespace strata::client::test
