// The client protocol, version 1 (docs/protocol.md): requests as multipart messages in, replies out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/durability.hpp"
#include "base/ids.hpp"

namespace strata::wire {

struct ClientLimits {
  std::size_t max_key = 1024;
  std::size_t max_value = 1 << 20;
  static constexpr std::size_t max_envelope_frames = 8;
  static constexpr std::size_t max_envelope_frame = 64;
  static constexpr std::size_t max_client_name = 64;
  // The longest request there is, as a ROUTER receives it: identity, envelope, delimiter, and a SET with every option
  // (3 frames, ONCE 3, SINCE 2, IF 2, SYNCED 1). A reader may drop the frames after the first max_frames + 1: a message
  // of that many is refused whatever follows.
  static constexpr std::size_t max_frames = 1 + max_envelope_frames + 1 + 11;
};

// Where a reply goes: the ROUTER's identity frame and the client's envelope frames, packed. Opaque to everyone else.
struct ClientAddress {
  Bytes packed;
  bool operator==(const ClientAddress&) const = default;
};

struct Once {
  Bytes client;
  std::uint64_t number = 0;  // from 1
  std::optional<LogIndex> since;
};

struct SetRequest {
  Bytes key;
  Bytes value;
  std::optional<Once> once;
  std::optional<LogIndex> if_revision;
  bool synced = false;
};

struct GetRequest {
  Bytes key;
  bool local = false;
  std::optional<LogIndex> min_revision;
  bool synced = false;
};

struct StatusRequest {};
struct PingRequest {};

using RequestBody = std::variant<SetRequest, GetRequest, StatusRequest, PingRequest>;

struct ClientRequest {
  ClientAddress from;
  RequestBody body;
};

// The table of errors of the protocol; name_of gives the code as it stands in a reply.
enum class ErrorCode : std::uint8_t {
  bad_request,
  too_large,
  busy,
  unavailable,
  conflict,
  stale_number,
  unknown,
};
std::string_view name_of(ErrorCode code);
std::optional<ErrorCode> error_code_of(std::string_view name);

struct SetReply {
  LogIndex revision;
  Durability durability = Durability::synced;
};
struct GetReply {
  Bytes key;
  Bytes value;
  LogIndex revision;
};
struct NoneReply {
  Bytes key;
};
struct StatusReply {
  std::string json;
};
struct PingReply {};
struct ErrorReply {
  ErrorCode code = ErrorCode::unknown;
  std::string text;
  std::optional<LogIndex> revision;  // with conflict
};

using ReplyBody = std::variant<SetReply, GetReply, NoneReply, StatusReply, PingReply, ErrorReply>;

struct ClientReply {
  ClientAddress to;
  ReplyBody body;
};

// A message that is to be ignored (PROBE_ROUTER: one empty frame), with nothing to be answered.
struct Ignored {};

using DecodedRequest = std::variant<ClientRequest, ClientReply, Ignored>;

// Decodes one multipart message as a ROUTER receives it: the identity frame first. A malformed or too large request
// comes back as the ClientReply (BAD_REQUEST, TOO_LARGE) to be sent at once. A message with no empty frame among its
// first nine (after the identity), or with an envelope frame over its limit, is answered with the identity as its only
// address. `frames` holds at least the identity, which is at most 255 bytes (ZeroMQ's own limit).
DecodedRequest decode_client_request(std::span<const BytesView> frames, const ClientLimits& limits);

// The frames to send on the ROUTER, identity first. Views into `reply` and into `scratch`, which must both outlive
// them.
struct ReplyFrames {
  std::vector<BytesView> frames;
  Bytes scratch;
};
// What `into` held before is dropped; its memory is used again. Moving `into` afterwards breaks the views.
void encode_client_reply(const ClientReply& reply, ReplyFrames& into);

// About how many bytes of memory a request or reply holds (admission, bounded mailboxes).
std::size_t size_of(const ClientRequest& request);
std::size_t size_of(const ClientReply& reply);

// ---- The client's side, used by the client library ----

// The frames after the empty delimiter: verb, arguments, options.
std::vector<Bytes> encode_request_body(const RequestBody& request);
// Decodes the frames after the empty delimiter; nothing when they are not a reply to a request of that kind (a GET's
// reply must name its key, and `SYNCED` cannot be answered `written`).
std::optional<ReplyBody> decode_reply_body(std::span<const BytesView> frames, const RequestBody& request);

}  // namespace strata::wire
