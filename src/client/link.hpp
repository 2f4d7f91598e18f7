// One connection to a node: a DEALER and the monitor that tells of its life and death. One thread uses it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "base/bytes.hpp"

namespace strata::client {

// The frames of one received message, in buffers that are used again.
class ReceivedMessage {
 public:
  ReceivedMessage() : messages_(max_frames), views_(max_frames) {}

  // The frames; none when there were more than a reply can have.
  std::span<const BytesView> frames() const { return {views_.data(), count_}; }

 private:
  friend class Link;
  static constexpr std::size_t max_frames = 16;
  std::vector<zmq::message_t> messages_;
  std::vector<BytesView> views_;
  std::size_t count_ = 0;
};

class Link {
 public:
  enum class State {
    connecting,  // nothing heard yet
    refused,     // the last attempt failed; ZeroMQ goes on trying
    ready,       // connected
    lost,        // was connected, or can never be: of no further use
  };

  // Begins to connect: state() is connecting until read_events() has read more, or lost at once when `endpoint` is no
  // endpoint.
  Link(zmq::context_t& context, const std::string& endpoint);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  State state() const { return state_; }

  // Sends [number]["" ][body…]; false when there is no room now or no connection, and then nothing was sent.
  bool send(std::uint64_t number, std::span<const Bytes> body);
  // False: nothing there now.
  bool receive(ReceivedMessage& into);
  // Asks ZeroMQ, which a sender must do after a burst: the descriptor alone does not tell of input that came meanwhile.
  bool has_input();
  // Reads the monitor; state() is then up to date.
  void read_events();

  // Readable when there may be something to receive (or room to send again), and events to read. Edge-triggered: wait
  // only after receive() has said false and has_input() too.
  int receive_descriptor() const { return receive_descriptor_; }
  int event_descriptor() const { return event_descriptor_; }

 private:
  void configure();
  bool watch();
  void on_event(std::uint16_t event);

  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  int receive_descriptor_ = -1;
  int event_descriptor_ = -1;
  State state_ = State::connecting;
};

}  // namespace strata::client
