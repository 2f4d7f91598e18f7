// The ports of the actors: what they need of the world, implemented by net for the real one and by test/sim for the
// simulated one. (The disk is wal::FileSystem; time that decides anything comes from Clock.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/client_protocol.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::actors {

// Rings once at (or soon after) the time it was set to. Belongs to one actor, used on its executor only.
class Alarm {
 public:
  virtual ~Alarm() = default;
  // Replaces what was set before. A time that has passed rings soon. Cheap when called again and again with later
  // times.
  virtual void set(TimePoint when) = 0;
  virtual void cancel() = 0;
};

// One for each executor; now() from any thread, make_alarm and its ring on that executor.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  // `ring` must not throw and should only post.
  virtual std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) = 0;
};

struct PeerSend {
  NodeId to;
  wire::PeerMessage message;
};

// What was sent to the other members since the start.
struct PeerTraffic {
  std::uint64_t requests = 0;
  std::uint64_t answers = 0;
  std::uint64_t bytes = 0;  // of these and of everything else, without what ZeroMQ and TCP add
};

// Towards the other members. Any thread; never blocks. A message may be lost, delayed and overtaken, one of Raft's may
// arrive twice too (a forwarded SET must not: it would be stored twice); a member that cannot be reached loses it at
// once and silently.
class PeerTransport {
 public:
  virtual ~PeerTransport() = default;
  virtual void send(std::vector<PeerSend> batch) = 0;
  // On the loop's executor. Nothing but zeros from a transport that does not count.
  virtual PeerTraffic traffic() const { return {}; }
};

// Towards the clients. Any thread; never blocks. Each request gets one reply through it; a reply that meets a full pipe
// is kept and tried again, and what is kept is told to the front end (ReplyBacklog).
class ClientReplies {
 public:
  virtual ~ClientReplies() = default;
  virtual void send(std::vector<wire::ClientReply> batch) = 0;
};

}  // namespace strata::actors
