#include "net/peer_links.hpp"

#include <utility>

#include "net/frames.hpp"

namespace strata::net {
namespace {

// In messages; what they hold is bounded by their sender (raft::Config::window_bytes).
constexpr std::array<int, 3> high_water_marks = {256, 256, 64};

}  // namespace

PeerLinks::PeerLinks(zmq::context_t& context, std::string endpoint, TimePoint now)
    : context_(context), endpoint_(std::move(endpoint)) {
  rebuild(now);
}

bool PeerLinks::send(Lane lane, BytesView frame, TimePoint now) {
  Link& link = links_[static_cast<std::size_t>(lane)];
  const std::array<BytesView, 1> message = {frame};
  SendResult result = send_frames(*link.socket, message);
  // A send looks at new connections and room only now and then; a look at the events always does.
  if (result == SendResult::full && (events_of(*link.socket) & ZMQ_POLLOUT) != 0) {
    result = send_frames(*link.socket, message);
  }
  if (result == SendResult::sent) {
    link.failing_since.reset();
    return true;
  }
  if (!link.failing_since) {
    link.failing_since = now;
  }
  return false;
}

bool PeerLinks::stuck(TimePoint now, Duration patience) const {
  for (const Link& link : links_) {
    if (link.failing_since && now - *link.failing_since >= patience) {
      return true;
    }
  }
  return false;
}

void PeerLinks::rebuild(TimePoint now) {
  for (std::size_t lane = 0; lane < links_.size(); ++lane) {
    links_[lane].socket = connect(high_water_marks[lane]);
    links_[lane].failing_since.reset();
  }
  built_ = now;
}

void PeerLinks::linger(Duration duration) {
  for (Link& link : links_) {
    link.socket->set(zmq::sockopt::linger, milliseconds(duration));
  }
}

std::unique_ptr<zmq::socket_t> PeerLinks::connect(int high_water_mark) {
  auto socket = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::dealer);
  socket->set(zmq::sockopt::linger, 0);
  // Nothing is queued for a peer that is not connected: it would all arrive late.
  socket->set(zmq::sockopt::immediate, true);
  socket->set(zmq::sockopt::sndhwm, high_water_mark);
  socket->set(zmq::sockopt::rcvhwm, 1);
  socket->set(zmq::sockopt::maxmsgsize, max_peer_frame);
  socket->set(zmq::sockopt::reconnect_ivl, 20);
  socket->set(zmq::sockopt::reconnect_ivl_max, 1000);
  socket->set(zmq::sockopt::connect_timeout, 2000);
  socket->set(zmq::sockopt::handshake_ivl, 3000);
  socket->set(zmq::sockopt::tcp_keepalive, 1);
  socket->set(zmq::sockopt::tcp_keepalive_idle, 5);
  socket->set(zmq::sockopt::tcp_keepalive_intvl, 1);
  socket->set(zmq::sockopt::tcp_keepalive_cnt, 3);
  socket->set(zmq::sockopt::tcp_maxrt, 5000);
  socket->set(zmq::sockopt::ipv6, endpoint_.find('[') != std::string::npos);
  socket->connect(endpoint_);
  return socket;
}

}  // namespace strata::net
