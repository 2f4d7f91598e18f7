#include "wire/client_protocol.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace strata::wire {
namespace {

const ClientLimits limits;
const std::string identity("\0abcd", 5);

using Message = std::vector<Bytes>;

std::vector<BytesView> views_of(const Message& message) {
  return {message.begin(), message.end()};
}

// Decodes what a ROUTER hands over when a client sends `message`.
DecodedRequest decode(const Message& message, const ClientLimits& bounds = limits) {
  std::vector<BytesView> frames = {identity};
  frames.insert(frames.end(), message.begin(), message.end());
  return decode_client_request(frames, bounds);
}

// The message of a REQ: the delimiter before the body.
DecodedRequest decode_body(Message body, const ClientLimits& bounds = limits) {
  body.insert(body.begin(), Bytes());
  return decode(body, bounds);
}

template <class Request>
Request accepted(const DecodedRequest& decoded) {
  const auto* request = std::get_if<ClientRequest>(&decoded);
  REQUIRE(request != nullptr);
  const auto* body = std::get_if<Request>(&request->body);
  REQUIRE(body != nullptr);
  return *body;
}

ErrorReply refused(const DecodedRequest& decoded) {
  const auto* reply = std::get_if<ClientReply>(&decoded);
  REQUIRE(reply != nullptr);
  const auto* error = std::get_if<ErrorReply>(&reply->body);
  REQUIRE(error != nullptr);
  return *error;
}

void check_bad(const Message& body, std::string_view part_of_text) {
  const ErrorReply error = refused(decode_body(body));
  CAPTURE(error.text);
  CHECK(error.code == ErrorCode::bad_request);
  CHECK(error.text.find(part_of_text) != std::string::npos);
}

Message sent(const ClientReply& reply) {
  ReplyFrames frames;
  encode_client_reply(reply, frames);
  return {frames.frames.begin(), frames.frames.end()};
}

ClientAddress address_of(const DecodedRequest& decoded) {
  const auto* request = std::get_if<ClientRequest>(&decoded);
  return request != nullptr ? request->from : std::get<ClientReply>(decoded).to;
}

TEST_CASE("a SET without options has a key, a value and nothing else") {
  const auto set = accepted<SetRequest>(decode_body({"SET", "key", "value"}));
  CHECK(set.key == "key");
  CHECK(set.value == "value");
  CHECK(!set.once);
  CHECK(!set.if_revision);
  CHECK(!set.synced);
}

TEST_CASE("keys and values are bytes") {
  const Bytes key("\0\xff\r\n", 4);
  const Bytes value("\0\0\0", 3);
  const auto set = accepted<SetRequest>(decode_body({"SET", key, value}));
  CHECK(set.key == key);
  CHECK(set.value == value);
  CHECK(accepted<GetRequest>(decode_body({"GET", key})).key == key);
}

TEST_CASE("a value may be empty") {
  CHECK(accepted<SetRequest>(decode_body({"SET", "k", ""})).value.empty());
}

TEST_CASE("a key or value that is named as an option is no option") {
  const auto set = accepted<SetRequest>(decode_body({"SET", "SYNCED", "IF"}));
  CHECK(set.key == "SYNCED");
  CHECK(set.value == "IF");
  CHECK(!set.synced);
}

TEST_CASE("the options of SET stand in any order") {
  const std::vector<Message> options = {{"ONCE", "client", "7"}, {"SINCE", "5"}, {"IF", "9"}, {"SYNCED"}};
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Message body = {"SET", "k", "v"};
    for (std::size_t i : order) {
      body.insert(body.end(), options[i].begin(), options[i].end());
    }
    const auto set = accepted<SetRequest>(decode_body(body));
    REQUIRE(set.once.has_value());
    CHECK(set.once->client == "client");
    CHECK(set.once->number == 7);
    CHECK(set.once->since == LogIndex(5));
    CHECK(set.if_revision == LogIndex(9));
    CHECK(set.synced);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("the options of GET stand in any order") {
  for (const Message& body : {Message{"GET", "k", "LOCAL", "MIN", "3"}, Message{"GET", "k", "MIN", "3", "LOCAL"}}) {
    const auto get = accepted<GetRequest>(decode_body(body));
    CHECK(get.local);
    CHECK(get.min_revision == LogIndex(3));
    CHECK(!get.synced);
  }
  CHECK(accepted<GetRequest>(decode_body({"GET", "k", "SYNCED"})).synced);
}

TEST_CASE("an option stands once at most") {
  check_bad({"SET", "k", "v", "SYNCED", "SYNCED"}, "SYNCED stands twice");
  check_bad({"SET", "k", "v", "IF", "1", "IF", "1"}, "IF stands twice");
  check_bad({"SET", "k", "v", "ONCE", "c", "1", "ONCE", "c", "1"}, "ONCE stands twice");
  check_bad({"SET", "k", "v", "ONCE", "c", "1", "SINCE", "1", "SINCE", "1"}, "SINCE stands twice");
  check_bad({"GET", "k", "LOCAL", "LOCAL"}, "LOCAL stands twice");
  check_bad({"GET", "k", "MIN", "1", "MIN", "1"}, "MIN stands twice");
  check_bad({"GET", "k", "SYNCED", "SYNCED"}, "SYNCED stands twice");
}

TEST_CASE("an option belongs to its verb") {
  check_bad({"SET", "k", "v", "LOCAL"}, "unknown option 'LOCAL' of SET");
  check_bad({"GET", "k", "IF", "1"}, "unknown option 'IF' of GET");
  check_bad({"SET", "k", "v", "synced"}, "unknown option 'synced'");
  check_bad({"SET", "k", "v", ""}, "unknown option ''");
}

TEST_CASE("LOCAL and SYNCED exclude each other") {
  check_bad({"GET", "k", "LOCAL", "SYNCED"}, "exclude");
}

TEST_CASE("SINCE stands only with ONCE") {
  check_bad({"SET", "k", "v", "SINCE", "1"}, "SINCE stands without ONCE");
}

TEST_CASE("an option without its arguments is refused") {
  check_bad({"SET", "k", "v", "IF"}, "IF lacks its number");
  check_bad({"SET", "k", "v", "ONCE"}, "ONCE lacks its arguments");
  check_bad({"SET", "k", "v", "ONCE", "c"}, "ONCE lacks its arguments");
  check_bad({"SET", "k", "v", "ONCE", "c", "1", "SINCE"}, "SINCE lacks its number");
  check_bad({"GET", "k", "MIN"}, "MIN lacks its number");
}

TEST_CASE("numbers are ASCII decimal within 64 bits") {
  for (const char* good : {"0", "1", "007", "18446744073709551615"}) {
    CHECK(accepted<GetRequest>(decode_body({"GET", "k", "MIN", good})).min_revision.has_value());
  }
  CHECK(accepted<GetRequest>(decode_body({"GET", "k", "MIN", "18446744073709551615"})).min_revision == LogIndex(~0ULL));
  for (const char* poor : {"", " 1", "1 ", "+1", "-1", "0x10", "1.0", "1e3", "one", "18446744073709551616", "١"}) {
    check_bad({"GET", "k", "MIN", poor}, "not a number");
    check_bad({"SET", "k", "v", "IF", poor}, "not a number");
    check_bad({"SET", "k", "v", "ONCE", "c", poor}, "not a number");
  }
  check_bad({"GET", "k", "MIN", Bytes("1\0", 2)}, "not a number");
}

TEST_CASE("the client of ONCE has 1 to 64 bytes and its numbers begin at 1") {
  CHECK(accepted<SetRequest>(decode_body({"SET", "k", "v", "ONCE", Bytes(64, 'c'), "1"})).once->client.size() == 64);
  check_bad({"SET", "k", "v", "ONCE", "", "1"}, "has 0 bytes: 1 to 64");
  check_bad({"SET", "k", "v", "ONCE", Bytes(65, 'c'), "1"}, "has 65 bytes: 1 to 64");
  check_bad({"SET", "k", "v", "ONCE", "c", "0"}, "begin at 1");
}

TEST_CASE("verbs are matched exactly") {
  check_bad({"set", "k", "v"}, "unknown verb 'set'");
  check_bad({"SET ", "k", "v"}, "unknown verb");
  check_bad({"DEL", "k"}, "unknown verb 'DEL'");
  check_bad({""}, "unknown verb ''");
}

TEST_CASE("a message that ends with its delimiter is refused") {
  CHECK(refused(decode({"e", ""})).text.find("nothing follows the empty frame") != std::string::npos);
}

TEST_CASE("what a client sent is shown short and printable in an error") {
  const ErrorReply error = refused(decode_body({Bytes("\n\0\xfe", 3) + Bytes(1000, 'x')}));
  CHECK(error.text.find("'\\x0a\\x00\\xfexxx") != std::string::npos);
  CHECK(error.text.size() < 200);
}

TEST_CASE("the wrong number of frames is refused") {
  check_bad({"SET"}, "SET key value");
  check_bad({"SET", "k"}, "SET key value");
  check_bad({"GET"}, "GET key");
  check_bad({"STATUS", "x"}, "takes none");
  check_bad({"PING", ""}, "takes none");
}

TEST_CASE("STATUS and PING stand alone") {
  accepted<StatusRequest>(decode_body({"STATUS"}));
  accepted<PingRequest>(decode_body({"PING"}));
}

TEST_CASE("an empty key is malformed") {
  check_bad({"SET", "", "v"}, "the key is empty");
  check_bad({"GET", ""}, "the key is empty");
}

TEST_CASE("a key and a value up to their limits are taken, over them they are too large") {
  ClientLimits small;
  small.max_key = 10;
  small.max_value = 20;
  const Bytes key(10, 'k');
  const Bytes value(20, 'v');
  CHECK(accepted<SetRequest>(decode_body({"SET", key, value}, small)).value == value);
  for (const Message& body :
       {Message{"SET", key + "k", value}, Message{"SET", key, value + "v"}, Message{"GET", key + "k"}}) {
    const ErrorReply error = refused(decode_body(body, small));
    CHECK(error.code == ErrorCode::too_large);
    CHECK(error.text.find("at most") != std::string::npos);
  }
  CHECK(limits.max_key == 1024);
  CHECK(limits.max_value == 1024 * 1024);
}

TEST_CASE("0 to 8 envelope frames of 1 to 64 bytes come back untouched before the reply") {
  for (std::size_t count = 0; count <= 8; ++count) {
    Message message;
    for (std::size_t i = 0; i < count; ++i) {
      message.push_back(Bytes(i == 0 ? 64 : i, static_cast<char>(i)));
    }
    Message expected = message;
    message.insert(message.end(), {"", "PING"});
    expected.insert(expected.begin(), identity);
    expected.insert(expected.end(), {"", "OK"});
    const DecodedRequest decoded = decode(message);
    accepted<PingRequest>(decoded);
    CHECK(sent({address_of(decoded), PingReply{}}) == expected);
  }
}

TEST_CASE("an error goes back through the envelope of its request") {
  const DecodedRequest decoded = decode({"number", "", "NO"});
  const Message reply = sent(std::get<ClientReply>(decoded));
  REQUIRE(reply.size() == 6);
  CHECK(Message(reply.begin(), reply.begin() + 5) == Message{identity, "number", "", "ERR", "BAD_REQUEST"});
}

TEST_CASE("only the first empty frame is the delimiter") {
  const auto set = accepted<SetRequest>(decode({"e", "", "SET", "k", ""}));
  CHECK(set.value.empty());
}

TEST_CASE("a message with no empty frame among its first nine is answered to its identity alone") {
  const Message nine = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "", "PING"};
  for (const Message& message : {nine, Message{"PING"}, Message{"SET", "k", "v"}}) {
    const DecodedRequest decoded = decode(message);
    CHECK(refused(decoded).text.find("no empty frame") != std::string::npos);
    const Message reply = sent(std::get<ClientReply>(decoded));
    REQUIRE(reply.size() == 5);
    CHECK(Message(reply.begin(), reply.begin() + 4) == Message{identity, "", "ERR", "BAD_REQUEST"});
  }
}

TEST_CASE("an envelope frame over 64 bytes is answered to its identity alone") {
  const DecodedRequest decoded = decode({Bytes(65, 'e'), "", "PING"});
  CHECK(refused(decoded).code == ErrorCode::bad_request);
  CHECK(sent(std::get<ClientReply>(decoded)).size() == 5);
}

TEST_CASE("a message of one empty frame is ignored") {
  CHECK(std::holds_alternative<Ignored>(decode({""})));
  CHECK(!std::holds_alternative<Ignored>(decode({"", ""})));
}

TEST_CASE("a message of no frame but the identity is malformed") {
  CHECK(refused(decode({})).code == ErrorCode::bad_request);
}

TEST_CASE("the longest request there is has max_frames frames") {
  Message message(8, "e");
  message.insert(message.end(), {"", "SET", "k", "v", "ONCE", "c", "1", "SINCE", "1", "IF", "1", "SYNCED"});
  CHECK(message.size() + 1 == ClientLimits::max_frames);
  accepted<SetRequest>(decode(message));
}

TEST_CASE("an empty identity and one of 255 bytes come back") {
  for (const Bytes& who : {Bytes(), Bytes(255, '\xff')}) {
    const std::vector<BytesView> frames = {who, "", "PING"};
    const DecodedRequest decoded = decode_client_request(frames, limits);
    CHECK(sent({address_of(decoded), PingReply{}}) == Message{who, "", "OK"});
  }
}

TEST_CASE("every reply has the frames of the protocol") {
  const ClientAddress to = address_of(decode({"e", "", "PING"}));
  const auto body = [&](ReplyBody reply) {
    const Message message = sent({to, std::move(reply)});
    CHECK(Message(message.begin(), message.begin() + 3) == Message{identity, "e", ""});
    return Message(message.begin() + 3, message.end());
  };
  CHECK(body(SetReply{LogIndex(12), Durability::synced}) == Message{"OK", "12", "synced"});
  CHECK(body(SetReply{LogIndex(~0ULL), Durability::written}) == Message{"OK", "18446744073709551615", "written"});
  CHECK(body(GetReply{"k", "v", LogIndex(3)}) == Message{"OK", "k", "v", "3"});
  CHECK(body(NoneReply{"k"}) == Message{"NONE", "k"});
  CHECK(body(StatusReply{"{}"}) == Message{"OK", "{}"});
  CHECK(body(PingReply{}) == Message{"OK"});
  CHECK(body(ErrorReply{ErrorCode::busy, "later", std::nullopt}) == Message{"ERR", "BUSY", "later"});
  CHECK(body(ErrorReply{ErrorCode::conflict, "no", LogIndex(0)}) == Message{"ERR", "CONFLICT", "no", "0"});
}

TEST_CASE("a ReplyFrames can be used again") {
  const ClientReply first{address_of(decode({"e", "", "PING"})), GetReply{"k", "v", LogIndex(3)}};
  const ClientReply second{address_of(decode({"", "PING"})), PingReply{}};
  ReplyFrames frames;
  encode_client_reply(first, frames);
  encode_client_reply(second, frames);
  CHECK(Message(frames.frames.begin(), frames.frames.end()) == Message{identity, "", "OK"});
}

TEST_CASE("every error code has its name and is found by it") {
  const std::vector<std::pair<ErrorCode, std::string_view>> codes = {{ErrorCode::bad_request, "BAD_REQUEST"},
                                                                     {ErrorCode::too_large, "TOO_LARGE"},
                                                                     {ErrorCode::busy, "BUSY"},
                                                                     {ErrorCode::unavailable, "UNAVAILABLE"},
                                                                     {ErrorCode::conflict, "CONFLICT"},
                                                                     {ErrorCode::stale_number, "STALE_NUMBER"},
                                                                     {ErrorCode::unknown, "UNKNOWN"}};
  for (const auto& [code, name] : codes) {
    CHECK(name_of(code) == name);
    CHECK(error_code_of(name) == code);
  }
  CHECK(!error_code_of("busy"));
  CHECK(!error_code_of(""));
}

TEST_CASE("what a client encodes is what a node decodes") {
  SetRequest set{"k", "v", Once{"c", 3, LogIndex(2)}, LogIndex(1), true};
  const auto again = accepted<SetRequest>(decode_body(encode_request_body(set)));
  CHECK(encode_request_body(again) == encode_request_body(set));
  CHECK(encode_request_body(set) == Message{"SET", "k", "v", "ONCE", "c", "3", "SINCE", "2", "IF", "1", "SYNCED"});
  CHECK(encode_request_body(GetRequest{"k", true, LogIndex(4), false}) == Message{"GET", "k", "LOCAL", "MIN", "4"});
  CHECK(encode_request_body(GetRequest{"k", false, std::nullopt, true}) == Message{"GET", "k", "SYNCED"});
  CHECK(encode_request_body(StatusRequest{}) == Message{"STATUS"});
  CHECK(encode_request_body(PingRequest{}) == Message{"PING"});
}

TEST_CASE("what a node answers is what a client decodes") {
  const auto decode_reply = [](const Message& frames, const RequestBody& request) {
    return decode_reply_body(views_of(frames), request);
  };
  const SetRequest set{"k", "v", std::nullopt, std::nullopt, false};
  const GetRequest get{"k", false, std::nullopt, false};

  const auto stored = decode_reply({"OK", "5", "written"}, set);
  REQUIRE(stored.has_value());
  CHECK(std::get<SetReply>(*stored).revision == LogIndex(5));
  CHECK(std::get<SetReply>(*stored).durability == Durability::written);

  const auto found = decode_reply({"OK", "k", "", "6"}, get);
  REQUIRE(found.has_value());
  CHECK(std::get<GetReply>(*found).value.empty());
  CHECK(std::get<GetReply>(*found).revision == LogIndex(6));

  CHECK(std::holds_alternative<NoneReply>(decode_reply({"NONE", "k"}, get).value()));
  CHECK(std::get<StatusReply>(decode_reply({"OK", "{}"}, StatusRequest{}).value()).json == "{}");
  CHECK(std::holds_alternative<PingReply>(decode_reply({"OK"}, PingRequest{}).value()));

  const auto conflict = decode_reply({"ERR", "CONFLICT", "text", "4"}, set);
  REQUIRE(conflict.has_value());
  CHECK(std::get<ErrorReply>(*conflict).code == ErrorCode::conflict);
  CHECK(std::get<ErrorReply>(*conflict).text == "text");
  CHECK(std::get<ErrorReply>(*conflict).revision == LogIndex(4));
}

TEST_CASE("what is not a reply to the request is not decoded") {
  const SetRequest set{"k", "v", std::nullopt, std::nullopt, false};
  const SetRequest synced{"k", "v", std::nullopt, std::nullopt, true};
  const GetRequest get{"k", false, std::nullopt, false};
  const std::vector<std::pair<Message, RequestBody>> wrong = {
      {{}, PingRequest{}},
      {{"ok"}, PingRequest{}},
      {{"OK", ""}, PingRequest{}},
      {{"NONE"}, PingRequest{}},
      {{"OK"}, StatusRequest{}},
      {{"OK"}, set},
      {{"OK", "5"}, set},
      {{"OK", "five", "synced"}, set},
      {{"OK", "5", "durable"}, set},
      {{"OK", "5", "synced", ""}, set},
      {{"NONE", "5", "synced"}, set},
      {{"OK", "5", "written"}, synced},
      {{"OK"}, get},
      {{"OK", "other", "v", "1"}, get},
      {{"NONE", "other"}, get},
      {{"OK", "k", "v"}, get},
      {{"OK", "k", "v", "x"}, get},
      {{"NONE", "k", "v"}, get},
      {{"ERR"}, get},
      {{"ERR", "BUSY"}, get},
      {{"ERR", "NO_SUCH_CODE", "text"}, get},
      {{"ERR", "BUSY", "text", "4"}, get},
      {{"ERR", "CONFLICT", "text", "x"}, set},
  };
  for (const auto& [frames, request] : wrong) {
    CAPTURE(frames.size());
    CHECK(!decode_reply_body(views_of(frames), request));
  }
}

TEST_CASE("the size of a request or reply counts the bytes it holds") {
  const DecodedRequest small = decode_body({"SET", "k", "v"});
  const DecodedRequest large = decode_body({"SET", "k", Bytes(1001, 'v')});
  CHECK(size_of(std::get<ClientRequest>(large)) == size_of(std::get<ClientRequest>(small)) + 1000);
  const ClientAddress to = address_of(small);
  CHECK(size_of(ClientReply{to, GetReply{"k", Bytes(1001, 'v'), LogIndex(1)}}) ==
        size_of(ClientReply{to, GetReply{"k", "v", LogIndex(1)}}) + 1000);
}

}  // namespace
}  // namespace strata::wire
