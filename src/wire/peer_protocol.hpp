// The messages between members, one packed frame each: an envelope that says for whom and from whom it is, then the
// message. Pure. Anything may come from the network: decoding checks every length before it allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/durability.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "raft/messages.hpp"
#include "wire/client_protocol.hpp"

namespace strata::wire {

inline constexpr std::uint16_t peer_protocol_version = 6;

// A frame, little-endian:
//    0  u32  magic
//    4  u32  CRC-32C of the bytes from 8 to the end of the fields
//    8  u16  protocol version
//   10  u8   kind: 1 + the position in raft::Message; then ForwardSets, ForwardReplies, Hello
//   11  u8   zero
//   12  u16  from
//   14  u16  to
//   16  u64  cluster
//   24  u64  incarnation of the sender
//   32  u64  incarnation of the receiver
//   40  u64  nonce of the sender's start
//   48  u64  nonce of the receiver's
//   56  u32  length of the fields
//   60  u32  length of the entries
//   64       fields: the numbers of the message in the order of its members, strings and lists with a 32-bit count
//            before them, optional members with a byte 0 or 1 before them
//            entries: AppendEntries only; bodies as base/entry.hpp has them, each with its own checksum, which is why
//            the frame's checksum leaves them out
// A message has one encoding: what decodes, encodes to the same bytes.
struct PeerHeader {
  static constexpr std::uint32_t magic = 0x50545253;  // "SRTP"
  static constexpr std::size_t checksum_at = 4;
  static constexpr std::size_t covered_from = 8;
  static constexpr std::size_t fields_length_at = 56;
  static constexpr std::size_t size = 64;
};

// What every message between members begins with. A receiver refuses (and logs) a message of another version, cluster
// or receiver, and one of an older incarnation of its sender than it has seen (design, section 6, rule 4).
struct PeerEnvelope {
  ClusterId cluster;
  NodeId from;
  NodeId to;
  Incarnation from_incarnation;
  Incarnation to_incarnation;    // the newest that the sender has heard of; 0: none yet. Others than the receiver's own
                                 // are stale answers to an earlier life of it
  std::uint64_t from_nonce = 0;  // of its start: each data directory counts its incarnations from 1, and a copy of one
                                 // goes on from the same number (base/membership.hpp)
  std::uint64_t to_nonce = 0;    // of the start that the sender has recorded; 0: none yet
};

// SETs that a follower passes to the leader. Ids are the sender's own, and rise from a random one in each start of it.
struct ForwardedSet {
  std::uint64_t id = 0;
  SetRequest request;
};
struct ForwardSets {
  std::vector<ForwardedSet> sets;
};

// The receiver of a ForwardSets did not append this one and never will: it may be sent to another.
struct NotAppended {};
struct ForwardedReply {
  std::uint64_t id = 0;
  std::variant<NotAppended, SetReply, ErrorReply> result;
};
struct ForwardReplies {
  std::vector<ForwardedReply> replies;
};

// Who the sender is, sent on start and once a second.
struct Hello {
  std::vector<std::string> client_endpoints;
  Durability ack = Durability::synced;
  std::uint64_t max_sessions = 0;
};

using PeerMessage = std::variant<raft::Message, ForwardSets, ForwardReplies, Hello>;

struct PeerFrame {
  PeerEnvelope envelope;
  PeerMessage message;
};

// The fields and the entries together must each stay below 4 GiB (asserted): callers bound their batches far below.
Bytes encode_peer_message(const PeerEnvelope& envelope, const PeerMessage& message);

// Entries share `frame`'s buffer. Errors: invalid (not a message of ours, cut short, bad checksum, a value that no
// member sends: entries with gaps in their indexes, say), mismatch (another protocol version). Whether cluster,
// receiver and incarnations are right is the caller's to judge.
Result<PeerFrame> decode_peer_message(SharedBytes frame);

// About how many bytes of memory a message holds (bounded mailboxes).
std::size_t size_of(const PeerMessage& message);

}  // namespace strata::wire
