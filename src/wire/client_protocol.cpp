#include "wire/client_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/assert.hpp"

namespace strata::wire {
namespace {

constexpr std::size_t max_identity = 255;

// ---- Addresses: each frame as one byte of length and its bytes, the identity first ----

void pack_frame(Bytes& packed, BytesView frame) {
  packed.push_back(static_cast<char>(static_cast<unsigned char>(frame.size())));
  packed.append(frame);
}

ClientAddress pack(std::span<const BytesView> frames) {
  ClientAddress address;
  for (BytesView frame : frames) {
    pack_frame(address.packed, frame);
  }
  return address;
}

void unpack(const ClientAddress& address, std::vector<BytesView>& frames) {
  ByteReader reader(address.packed);
  while (reader.remaining() > 0) {
    frames.push_back(reader.raw(reader.number<std::uint8_t>()));
  }
  STRATA_ASSERT(reader.finished() && !frames.empty());
}

// ---- Requests ----

// What a client sent, fit to be shown in an error's text: short and printable.
std::string quoted(BytesView bytes) {
  constexpr std::size_t shown = 32;
  std::string text = "'";
  for (char c : bytes.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      text.push_back(c);
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text + (bytes.size() > shown ? "…'" : "'");
}

ErrorReply bad(std::string text) {
  return ErrorReply{ErrorCode::bad_request, std::move(text), std::nullopt};
}
ErrorReply too_large(std::string text) {
  return ErrorReply{ErrorCode::too_large, std::move(text), std::nullopt};
}
ErrorReply twice(BytesView option) {
  return bad(fmt::format("{} stands twice: each option once at most", option));
}

// What stands against a request; nothing: it may go on.
using Problem = std::optional<ErrorReply>;

std::optional<std::uint64_t> parse_number(BytesView text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

// The frames of a request that are still to be read.
class Frames {
 public:
  explicit Frames(std::span<const BytesView> frames) : frames_(frames) {}

  bool empty() const { return frames_.empty(); }
  std::size_t left() const { return frames_.size(); }
  BytesView take() {
    BytesView frame = frames_.front();
    frames_ = frames_.subspan(1);
    return frame;
  }

 private:
  std::span<const BytesView> frames_;
};

Problem read_number(Frames& frames, BytesView option, std::uint64_t& number) {
  if (frames.empty()) {
    return bad(fmt::format("{} lacks its number: a frame of ASCII decimal digits", option));
  }
  const BytesView frame = frames.take();
  const auto parsed = parse_number(frame);
  if (!parsed) {
    return bad(
        fmt::format("{} {}: not a number; ASCII decimal digits, 0 to 18446744073709551615", option, quoted(frame)));
  }
  number = *parsed;
  return std::nullopt;
}

Problem read_revision(Frames& frames, BytesView option, std::optional<LogIndex>& revision) {
  if (revision) {
    return twice(option);
  }
  std::uint64_t number = 0;
  if (Problem problem = read_number(frames, option, number)) {
    return problem;
  }
  revision = LogIndex(number);
  return std::nullopt;
}

Problem read_flag(BytesView option, bool& flag) {
  if (flag) {
    return twice(option);
  }
  flag = true;
  return std::nullopt;
}

Problem read_once(Frames& frames, std::optional<Once>& once) {
  if (once) {
    return twice("ONCE");
  }
  if (frames.left() < 2) {
    return bad("ONCE lacks its arguments: ONCE client number");
  }
  Once read;
  const BytesView client = frames.take();
  if (client.empty() || client.size() > ClientLimits::max_client_name) {
    return bad(fmt::format("the client's name in ONCE has {} bytes: 1 to {} are allowed", client.size(),
                           ClientLimits::max_client_name));
  }
  read.client = client;
  if (Problem problem = read_number(frames, "ONCE", read.number)) {
    return problem;
  }
  if (read.number == 0) {
    return bad("the number in ONCE is 0: numbers begin at 1");
  }
  once = std::move(read);
  return std::nullopt;
}

Problem check_key(BytesView key, const ClientLimits& limits) {
  if (key.empty()) {
    return bad(fmt::format("the key is empty: a key has 1 to {} bytes", limits.max_key));
  }
  if (key.size() > limits.max_key) {
    return too_large(fmt::format("the key has {} bytes: at most {} are allowed", key.size(), limits.max_key));
  }
  return std::nullopt;
}

Problem read_set_options(Frames& frames, SetRequest& set) {
  std::optional<LogIndex> since;
  while (!frames.empty()) {
    const BytesView option = frames.take();
    Problem problem;
    if (option == "ONCE") {
      problem = read_once(frames, set.once);
    } else if (option == "SINCE") {
      problem = read_revision(frames, option, since);
    } else if (option == "IF") {
      problem = read_revision(frames, option, set.if_revision);
    } else if (option == "SYNCED") {
      problem = read_flag(option, set.synced);
    } else {
      problem = bad(fmt::format("unknown option {} of SET: ONCE client number, SINCE revision, IF revision, SYNCED",
                                quoted(option)));
    }
    if (problem) {
      return problem;
    }
  }
  if (since && !set.once) {
    return bad("SINCE stands without ONCE: it belongs to ONCE client number");
  }
  if (since) {
    set.once->since = since;
  }
  return std::nullopt;
}

Problem read_set(Frames& frames, const ClientLimits& limits, RequestBody& body) {
  if (frames.left() < 2) {
    return bad(fmt::format("SET has {} arguments: SET key value option*", frames.left()));
  }
  const BytesView key = frames.take();
  const BytesView value = frames.take();
  if (Problem problem = check_key(key, limits)) {
    return problem;
  }
  if (value.size() > limits.max_value) {
    return too_large(fmt::format("the value has {} bytes: at most {} are allowed", value.size(), limits.max_value));
  }
  SetRequest set;
  if (Problem problem = read_set_options(frames, set)) {
    return problem;
  }
  set.key = key;
  set.value = value;
  body = std::move(set);
  return std::nullopt;
}

Problem read_get_options(Frames& frames, GetRequest& get) {
  while (!frames.empty()) {
    const BytesView option = frames.take();
    Problem problem;
    if (option == "LOCAL") {
      problem = read_flag(option, get.local);
    } else if (option == "MIN") {
      problem = read_revision(frames, option, get.min_revision);
    } else if (option == "SYNCED") {
      problem = read_flag(option, get.synced);
    } else {
      problem = bad(fmt::format("unknown option {} of GET: LOCAL, MIN revision, SYNCED", quoted(option)));
    }
    if (problem) {
      return problem;
    }
  }
  if (get.local && get.synced) {
    return bad("LOCAL and SYNCED exclude each other: SYNCED asks for a linearizable read");
  }
  return std::nullopt;
}

Problem read_get(Frames& frames, const ClientLimits& limits, RequestBody& body) {
  if (frames.empty()) {
    return bad("GET has 0 arguments: GET key option*");
  }
  const BytesView key = frames.take();
  if (Problem problem = check_key(key, limits)) {
    return problem;
  }
  GetRequest get;
  if (Problem problem = read_get_options(frames, get)) {
    return problem;
  }
  get.key = key;
  body = std::move(get);
  return std::nullopt;
}

template <class Request>
Problem read_alone(Frames& frames, BytesView verb, RequestBody& body) {
  if (!frames.empty()) {
    return bad(fmt::format("{} has {} arguments: it takes none", verb, frames.left()));
  }
  body = Request();
  return std::nullopt;
}

Problem read_body(Frames frames, const ClientLimits& limits, RequestBody& body) {
  if (frames.empty()) {
    return bad("nothing follows the empty frame: VERB argument*");
  }
  const BytesView verb = frames.take();
  if (verb == "SET") {
    return read_set(frames, limits, body);
  }
  if (verb == "GET") {
    return read_get(frames, limits, body);
  }
  if (verb == "STATUS") {
    return read_alone<StatusRequest>(frames, verb, body);
  }
  if (verb == "PING") {
    return read_alone<PingRequest>(frames, verb, body);
  }
  return bad(fmt::format("unknown verb {}: SET, GET, STATUS and PING, in upper case", quoted(verb)));
}

// How many frames of `message` (without the identity) stand before the first empty one. `envelope` is meaningful when
// there is no problem.
Problem measure_envelope(std::span<const BytesView> message, std::size_t& envelope) {
  const auto head = message.first(std::min(message.size(), ClientLimits::max_envelope_frames + 1));
  const auto delimiter = std::find(head.begin(), head.end(), BytesView());
  if (delimiter == head.end()) {
    return bad(fmt::format("no empty frame among the first {}: [envelope]* \"\" VERB argument*",
                           ClientLimits::max_envelope_frames + 1));
  }
  envelope = static_cast<std::size_t>(delimiter - head.begin());
  for (BytesView frame : head.first(envelope)) {
    if (frame.size() > ClientLimits::max_envelope_frame) {
      return bad(fmt::format("a frame before the empty one has {} bytes: at most {} are allowed", frame.size(),
                             ClientLimits::max_envelope_frame));
    }
  }
  return std::nullopt;
}

// ---- Replies ----

constexpr std::array<std::pair<ErrorCode, std::string_view>, 7> error_names = {{
    {ErrorCode::bad_request, "BAD_REQUEST"},
    {ErrorCode::too_large, "TOO_LARGE"},
    {ErrorCode::busy, "BUSY"},
    {ErrorCode::unavailable, "UNAVAILABLE"},
    {ErrorCode::conflict, "CONFLICT"},
    {ErrorCode::stale_number, "STALE_NUMBER"},
    {ErrorCode::unknown, "UNKNOWN"},
}};

// Appends the frames of a reply's body. At most one number in a reply: it is written to `scratch` once.
class ReplyWriter {
 public:
  explicit ReplyWriter(ReplyFrames& into) : into_(into) {}

  void operator()(const SetReply& reply) { add("OK", number(reply.revision), name_of(reply.durability)); }
  void operator()(const GetReply& reply) { add("OK", reply.key, reply.value, number(reply.revision)); }
  void operator()(const NoneReply& reply) { add("NONE", reply.key); }
  void operator()(const StatusReply& reply) { add("OK", reply.json); }
  void operator()(const PingReply&) { add("OK"); }
  void operator()(const ErrorReply& reply) {
    add("ERR", name_of(reply.code), reply.text);
    if (reply.revision) {
      add(number(*reply.revision));
    }
  }

 private:
  template <class... Frame>
  void add(const Frame&... frame) {
    (into_.frames.push_back(BytesView(frame)), ...);
  }
  BytesView number(LogIndex value) {
    into_.scratch = fmt::format("{}", value);
    return into_.scratch;
  }

  ReplyFrames& into_;
};

std::optional<Durability> durability_of(BytesView name) {
  for (Durability level : {Durability::written, Durability::synced}) {
    if (name == name_of(level)) {
      return level;
    }
  }
  return std::nullopt;
}

std::optional<ReplyBody> decode_error(std::span<const BytesView> fields) {
  const auto code = fields.size() < 2 ? std::nullopt : error_code_of(fields[0]);
  if (!code || fields.size() > (*code == ErrorCode::conflict ? 3U : 2U)) {
    return std::nullopt;
  }
  ErrorReply reply;
  reply.code = *code;
  reply.text = fields[1];
  if (fields.size() == 3) {
    const auto revision = parse_number(fields[2]);
    if (!revision) {
      return std::nullopt;
    }
    reply.revision = LogIndex(*revision);
  }
  return reply;
}

// Decodes what follows OK or NONE, by the request that it answers.
class ReplyReader {
 public:
  ReplyReader(BytesView result, std::span<const BytesView> fields) : result_(result), fields_(fields) {}

  std::optional<ReplyBody> operator()(const SetRequest& request) const {
    if (result_ != "OK" || fields_.size() != 2) {
      return std::nullopt;
    }
    const auto revision = parse_number(fields_[0]);
    const auto durability = durability_of(fields_[1]);
    if (!revision || !durability || (request.synced && *durability != Durability::synced)) {
      return std::nullopt;
    }
    return SetReply{LogIndex(*revision), *durability};
  }

  std::optional<ReplyBody> operator()(const GetRequest& request) const {
    if (fields_.empty() || fields_[0] != request.key) {
      return std::nullopt;
    }
    if (result_ == "NONE" && fields_.size() == 1) {
      return NoneReply{request.key};
    }
    const auto revision = fields_.size() == 3 ? parse_number(fields_[2]) : std::nullopt;
    if (result_ != "OK" || !revision) {
      return std::nullopt;
    }
    return GetReply{request.key, Bytes(fields_[1]), LogIndex(*revision)};
  }

  std::optional<ReplyBody> operator()(const StatusRequest&) const {
    if (result_ != "OK" || fields_.size() != 1) {
      return std::nullopt;
    }
    return StatusReply{std::string(fields_[0])};
  }

  std::optional<ReplyBody> operator()(const PingRequest&) const {
    if (result_ != "OK" || !fields_.empty()) {
      return std::nullopt;
    }
    return PingReply{};
  }

 private:
  BytesView result_;
  std::span<const BytesView> fields_;
};

// ---- The request as a client sends it ----

class RequestWriter {
 public:
  void operator()(const SetRequest& set) {
    add("SET", set.key, set.value);
    if (set.once) {
      add("ONCE", set.once->client, std::to_string(set.once->number));
      add_revision("SINCE", set.once->since);
    }
    add_revision("IF", set.if_revision);
    add_flag("SYNCED", set.synced);
  }
  void operator()(const GetRequest& get) {
    add("GET", get.key);
    add_flag("LOCAL", get.local);
    add_revision("MIN", get.min_revision);
    add_flag("SYNCED", get.synced);
  }
  void operator()(const StatusRequest&) { add("STATUS"); }
  void operator()(const PingRequest&) { add("PING"); }

  std::vector<Bytes> frames;

 private:
  template <class... Frame>
  void add(const Frame&... frame) {
    (frames.emplace_back(frame), ...);
  }
  void add_revision(BytesView option, const std::optional<LogIndex>& revision) {
    if (revision) {
      add(option, std::to_string(revision->value));
    }
  }
  void add_flag(BytesView option, bool flag) {
    if (flag) {
      add(option);
    }
  }
};

// ---- Sizes: the bytes of the parts that grow ----

struct BodySize {
  std::size_t operator()(const SetRequest& set) const {
    return set.key.size() + set.value.size() + (set.once ? set.once->client.size() : 0);
  }
  std::size_t operator()(const GetRequest& get) const { return get.key.size(); }
  std::size_t operator()(const StatusRequest&) const { return 0; }
  std::size_t operator()(const PingRequest&) const { return 0; }
  std::size_t operator()(const SetReply&) const { return 0; }
  std::size_t operator()(const GetReply& reply) const { return reply.key.size() + reply.value.size(); }
  std::size_t operator()(const NoneReply& reply) const { return reply.key.size(); }
  std::size_t operator()(const StatusReply& reply) const { return reply.json.size(); }
  std::size_t operator()(const PingReply&) const { return 0; }
  std::size_t operator()(const ErrorReply& reply) const { return reply.text.size(); }
};

}  // namespace

std::string_view name_of(ErrorCode code) {
  const auto found =
      std::find_if(error_names.begin(), error_names.end(), [code](const auto& named) { return named.first == code; });
  STRATA_ASSERT(found != error_names.end());
  return found->second;
}

std::optional<ErrorCode> error_code_of(std::string_view name) {
  const auto found =
      std::find_if(error_names.begin(), error_names.end(), [name](const auto& named) { return named.second == name; });
  if (found == error_names.end()) {
    return std::nullopt;
  }
  return found->first;
}

DecodedRequest decode_client_request(std::span<const BytesView> frames, const ClientLimits& limits) {
  STRATA_ASSERT(!frames.empty() && frames[0].size() <= max_identity);
  const auto message = frames.subspan(1);
  if (message.size() == 1 && message[0].empty()) {
    return Ignored{};
  }
  std::size_t envelope = 0;
  if (Problem problem = measure_envelope(message, envelope)) {
    return ClientReply{pack(frames.first(1)), std::move(*problem)};
  }
  ClientRequest request;
  request.from = pack(frames.first(1 + envelope));
  if (Problem problem = read_body(Frames(message.subspan(envelope + 1)), limits, request.body)) {
    return ClientReply{std::move(request.from), std::move(*problem)};
  }
  return request;
}

void encode_client_reply(const ClientReply& reply, ReplyFrames& into) {
  into.frames.clear();
  unpack(reply.to, into.frames);
  into.frames.emplace_back();
  std::visit(ReplyWriter(into), reply.body);
}

std::size_t size_of(const ClientRequest& request) {
  return sizeof request + request.from.packed.size() + std::visit(BodySize(), request.body);
}

std::size_t size_of(const ClientReply& reply) {
  return sizeof reply + reply.to.packed.size() + std::visit(BodySize(), reply.body);
}

std::vector<Bytes> encode_request_body(const RequestBody& request) {
  RequestWriter writer;
  std::visit(writer, request);
  return std::move(writer.frames);
}

std::optional<ReplyBody> decode_reply_body(std::span<const BytesView> frames, const RequestBody& request) {
  if (frames.empty()) {
    return std::nullopt;
  }
  const auto fields = frames.subspan(1);
  if (frames[0] == "ERR") {
    return decode_error(fields);
  }
  return std::visit(ReplyReader(frames[0], fields), request);
}

}  // namespace strata::wire
