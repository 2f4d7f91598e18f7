// The ports of one running process, and what it owes to its clients.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/node_actors.hpp"
#include "sim/clock.hpp"
#include "sim/machine.hpp"
#include "wire/peer_gate.hpp"

namespace strata::sim {

class Process final : public actors::PeerTransport, public actors::ClientReplies, public Logger {
 public:
  explicit Process(Machine& machine);
  ~Process() override;

  // Opens, recovers, starts.
  Result<void> start();
  // The threads of the machine are halted: everything is gone as by kill -9.
  void kill();
  void step_clocks(Duration by);

  actors::NodeActors& actors() { return *actors_; }
  bool stopping() const { return stopping_; }
  void set_stopping() { stopping_ = true; }
  void receive(const Arrival& arrival);
  void request(wire::ClientRequest request);
  std::size_t unanswered() const { return unanswered_.size(); }
  // When the one that has waited longest arrived.
  std::optional<TimePoint> oldest_unanswered() const;

  void send(std::vector<actors::PeerSend> batch) override;
  void send(std::vector<wire::ClientReply> batch) override;
  void write(LogLevel level, std::string_view event) override;

 private:
  actors::NodeOptions options() const;
  void deliver(wire::PeerFrame frame);
  void deliver_to_front_end(actors::FrontEndMessage message, std::size_t bytes);
  void send(NodeId to, const wire::PeerMessage& message);
  void say_hello(NodeId to);

  Machine& machine_;
  SimClock loop_clock_;
  SimClock fsync_clock_;
  std::optional<wire::PeerGate> gate_;
  std::unique_ptr<actors::NodeActors> actors_;
  bool stopping_ = false;
  std::map<Bytes, TimePoint> unanswered_;  // requests by the address that their reply goes to
};

}  // namespace strata::sim
