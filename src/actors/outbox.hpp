// What the front end has admitted and not yet answered, in bytes, and the answers and forwards it gathers while it
// handles a batch: they leave together.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/ports.hpp"
#include "base/ids.hpp"
#include "wire/client_protocol.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::actors {

// A SET that another member passed on: its number there.
struct PeerOrigin {
  NodeId node;
  std::uint64_t id = 0;
};

// Whom an answer goes to.
using Origin = std::variant<wire::ClientAddress, PeerOrigin>;

// A request that was admitted: it is answered exactly once, through the outbox.
struct Admitted {
  Origin from;
  std::size_t bytes = 0;
  // A SET with ONCE of which an earlier copy was in the hands of a leader that was lost: it may be applied, whatever
  // becomes of a later copy.
  bool perhaps_appended = false;
};

class Outbox {
 public:
  Outbox(std::size_t max_pending, PeerTransport& peers, ClientReplies& clients)
      : max_pending_(max_pending), peers_(peers), clients_(clients) {}

  // Counts `bytes` as pending, or refuses: the node is at its admission limit (--max-pending). One request is always
  // admitted when nothing is pending.
  bool admit(std::size_t bytes);
  // Replies that net keeps for slow clients count as pending too.
  void set_backlog(std::size_t bytes) { backlog_ = bytes; }
  std::size_t pending_bytes() const { return pending_; }

  // Answers and gives the admitted bytes back.
  void reply(const Admitted& request, wire::ReplyBody body);
  void error(const Admitted& request, wire::ErrorCode code, std::string_view text);
  // This copy of the SET was certainly never appended: the error, or UNKNOWN if another copy may have been. A member
  // that passed it on is told in place of UNAVAILABLE that it may send it elsewhere.
  void not_appended(const Admitted& request, wire::ErrorCode code, std::string_view text);
  // Answers a request that was not admitted.
  void refuse(const Origin& from, wire::ErrorCode code, std::string_view text);

  void forward(NodeId leader, wire::ForwardedSet set);
  void flush();

  PeerTraffic traffic() const { return peers_.traffic(); }

 private:
  void answer(const Origin& from, wire::ReplyBody body);

  std::size_t max_pending_;
  PeerTransport& peers_;
  ClientReplies& clients_;
  std::size_t pending_ = 0;
  std::size_t backlog_ = 0;
  std::vector<wire::ClientReply> replies_;
  std::map<NodeId, wire::ForwardReplies> answers_;
  std::map<NodeId, wire::ForwardSets> forwards_;
};

}  // namespace strata::actors
