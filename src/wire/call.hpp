// What a message between members is in a remote procedure call, as the Raft paper speaks of them. Pure.
#pragma once

#include "wire/peer_protocol.hpp"

namespace strata::wire {

enum class CallPart {
  request,
  answer,  // to one request or to several
  none,    // Hello
};

CallPart call_part_of(const PeerMessage& message);

}  // namespace strata::wire
