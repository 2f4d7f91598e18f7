// The three DEALERs towards one peer, so that bulk never delays a heartbeat (design, section 4). Private to net.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace strata::net {

// The largest message a member accepts from another; its sender is disconnected by a larger one.
inline constexpr std::int64_t max_peer_frame = 64 << 20;

enum class Lane : std::size_t {
  control,    // votes, heartbeats, answers
  entries,    // log entries and forwarded SETs
  snapshots,  // chunks of snapshots
};

// On one executor.
class PeerLinks {
 public:
  // Connects, without waiting for a connection. Throws zmq::error_t when `endpoint` is malformed.
  PeerLinks(zmq::context_t& context, std::string endpoint, TimePoint now);

  // False: lost, because there is no connection or its queue is full.
  bool send(Lane lane, BytesView frame, TimePoint now);

  // Nothing could be sent on some lane for `patience` although it was tried. A connection that ended by a protocol
  // error is like that for ever: ZeroMQ does not connect again.
  bool stuck(TimePoint now, Duration patience) const;

  // New sockets; what was queued is lost.
  void rebuild(TimePoint now);
  TimePoint built() const { return built_; }

  // How long what is queued may still leave once this is destroyed; not at all before it is called.
  void linger(Duration duration);

 private:
  struct Link {
    std::unique_ptr<zmq::socket_t> socket;
    std::optional<TimePoint> failing_since;
  };

  std::unique_ptr<zmq::socket_t> connect(int high_water_mark);

  zmq::context_t& context_;
  std::string endpoint_;
  TimePoint built_;
  std::array<Link, 3> links_;
};

}  // namespace strata::net
