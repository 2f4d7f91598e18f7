// The clients' side of the bridge: nothing is lost between ZeroMQ and Asio, nothing blocks, nothing spins, and one
// client harms no other.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>

#include "bridge_support.hpp"
#include "net/asio_clock.hpp"
#include "net/client_socket.hpp"

namespace strata::net {
namespace {

using Message = std::vector<Bytes>;

// Answers every PING, and every GET of a key with a value of `value_size` bytes.
class Answerer {
 public:
  Answerer(actors::FrontEndMailbox& mailbox, ClientSocket& clients, std::size_t value_size)
      : mailbox_(mailbox), clients_(clients), value_size_(value_size) {}

  boost::asio::awaitable<void> run() {
    for (;;) {
      auto batch = co_await mailbox_.receive();
      if (batch.empty()) {
        co_return;
      }
      for (actors::FrontEndMessage& message : batch) {
        handle(message);
      }
    }
  }

  std::size_t backlog() const { return backlog_; }
  std::size_t greatest_backlog() const { return greatest_backlog_; }

 private:
  void handle(actors::FrontEndMessage& message) {
    if (const auto* told = std::get_if<actors::ReplyBacklog>(&message)) {
      backlog_ = told->bytes;
      greatest_backlog_ = std::max(greatest_backlog_.load(), told->bytes);
      return;
    }
    std::vector<wire::ClientReply> replies;
    for (wire::ClientRequest& request : std::get<actors::ClientRequests>(message).requests) {
      wire::ReplyBody body = wire::PingReply();
      if (const auto* get = std::get_if<wire::GetRequest>(&request.body)) {
        body = wire::GetReply{get->key, Bytes(value_size_, 'v'), LogIndex(1)};
      }
      replies.push_back({std::move(request.from), std::move(body)});
    }
    clients_.send(std::move(replies));
  }

  actors::FrontEndMailbox& mailbox_;
  ClientSocket& clients_;
  std::size_t value_size_;
  std::atomic<std::size_t> backlog_ = 0;
  std::atomic<std::size_t> greatest_backlog_ = 0;
};

struct NodeOptions {
  ClientSocketOptions socket;
  actors::MailboxLimits mailbox;
  std::size_t value_size = 1;
  bool own_front_end_thread = false;
};

// A clients' socket with a front end behind it.
class Node {
 public:
  explicit Node(NodeOptions options)
      : front_end_loop_(options.own_front_end_thread ? std::make_unique<Loop>() : nullptr),
        mailbox_(front_end_executor(), options.mailbox) {
    options.socket.listen = {"tcp://127.0.0.1:*"};
    socket_ = loop_.call([&] {
      auto opened = ClientSocket::open(context_, loop_.executor(), options.socket, logger_);
      STRATA_ASSERT(opened.has_value());
      (*opened)->start(mailbox_);
      return std::move(*opened);
    });
    answerer_ = std::make_unique<Answerer>(mailbox_, *socket_, options.value_size);
  }

  ~Node() {
    finish_answering();
    stop_socket();
    loop_.call([&] { socket_.reset(); });
  }

  void answer() { answered_ = boost::asio::co_spawn(front_end_executor(), answerer_->run(), boost::asio::use_future); }
  void stop_socket() {
    if (!stopped_) {
      stopped_ = true;
      loop_.run(socket_->stop());
    }
  }

  // Closes the front end's mailbox and waits until everything in it is answered.
  void finish_answering() {
    mailbox_.close();
    if (answered_.valid()) {
      STRATA_ASSERT(answered_.wait_for(patience) == std::future_status::ready);
      answered_.get();
    }
  }
  bool wait_for_requests(std::uint64_t count) {
    return loop_.wait_for([this, count] { return socket_->counters().requests >= count; });
  }

  Loop& loop() { return loop_; }
  ClientSocket& socket() { return *socket_; }
  MemoryLogger& logger() { return logger_; }
  Answerer& answerer() { return *answerer_; }
  actors::FrontEndMailbox& mailbox() { return mailbox_; }
  std::string endpoint() { return socket_->endpoints().front(); }
  ClientSocketCounters counters() {
    return loop_.call([&] { return socket_->counters(); });
  }

 private:
  boost::asio::any_io_executor front_end_executor() {
    return front_end_loop_ ? front_end_loop_->executor() : loop_.executor();
  }

  MemoryLogger logger_;
  Context context_;
  Loop loop_;
  std::unique_ptr<Loop> front_end_loop_;
  actors::FrontEndMailbox mailbox_;
  std::unique_ptr<ClientSocket> socket_;
  std::unique_ptr<Answerer> answerer_;
  std::future<void> answered_;
  bool stopped_ = false;
};

const Message ping = {"", "PING"};
const Message pong = {"", "OK"};

bool serves(PlainClient& client) {
  return client.ask(ping) == pong;
}

// A reply ERR of this code to `message`.
bool answers_with(PlainClient& client, const Message& message, std::string_view code) {
  const Message reply = client.ask(message);
  const bool right = reply.size() == 4 && reply[0].empty() && reply[1] == "ERR" && reply[2] == code;
  CAPTURE(reply.size());
  CHECK(right);
  return right;
}

// ---- No lost wake-up ----

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr int bursts = 4'000;
#else
constexpr int bursts = 20'000;
#endif
#else
constexpr int bursts = 20'000;
#endif

// Bursts of one to five requests, each waiting for all its replies. A wake-up that is lost leaves it waiting. Some
// requests are malformed: those are answered by the reader itself, between its last receive and its sleep.
void send_bursts(const std::string& endpoint, std::atomic<int>& finished) {
  zmq::context_t context;
  PlainClient client(context, endpoint);
  for (int burst = 0; burst < bursts; ++burst) {
    const int size = 1 + burst % 5;
    for (int i = 0; i < size; ++i) {
      client.send({std::to_string(burst), "", (burst + i) % 3 == 0 ? "malformed" : "PING"});
    }
    for (int i = 0; i < size; ++i) {
      const Message reply = client.receive();
      if (reply.empty() || reply.front() != std::to_string(burst)) {
        return;
      }
    }
  }
  ++finished;
}

void check_bursts(bool own_front_end_thread) {
  Node node({.socket = {}, .mailbox = {}, .value_size = 1, .own_front_end_thread = own_front_end_thread});
  node.answer();
  std::atomic<int> finished = 0;
  {
    std::jthread first([&] { send_bursts(node.endpoint(), finished); });
    std::jthread second([&] { send_bursts(node.endpoint(), finished); });
  }
  CHECK(finished == 2);
  const ClientSocketCounters counters = node.counters();
  CHECK(counters.requests + counters.refused == std::uint64_t{2} * 3 * bursts);
  CHECK(counters.requests > counters.refused);
  CHECK(counters.replies_sent == counters.requests + counters.refused);
}

TEST_CASE("no wake-up is lost under many small bursts") {
  check_bursts(false);
}

TEST_CASE("no wake-up is lost when the replies come from another thread") {
  check_bursts(true);
}

TEST_CASE("a burst larger than what is read at once comes through whole") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient client(context, node.endpoint(), 20'000);
  constexpr int count = 5'000;
  for (int i = 0; i < count; ++i) {
    REQUIRE(client.send({std::to_string(i), "", "PING"}));
  }
  for (int i = 0; i < count; ++i) {
    REQUIRE(client.receive() == Message{std::to_string(i), "", "OK"});
  }
}

// ---- No spinning ----

std::chrono::microseconds cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
  return std::chrono::seconds(seconds) + std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

boost::asio::awaitable<void> idle_for_a_second(std::chrono::microseconds* used) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  const auto before = cpu_time();
  timer.expires_after(std::chrono::seconds(1));
  co_await timer.async_wait(boost::asio::use_awaitable);
  *used = cpu_time() - before;
}

TEST_CASE("an idle node with an idle client uses less than 2 % of a core, I/O threads included") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  REQUIRE(serves(client));
  std::chrono::microseconds used{};
  node.loop().run(idle_for_a_second(&used));
  MESSAGE("CPU in one idle second: ", used.count(), " us");
  CHECK(used < std::chrono::milliseconds(20));
}

// ---- Sends never block ----

NodeOptions small_pipes(Duration reply_patience) {
  NodeOptions options;
  options.socket.high_water_mark = 8;
  options.socket.reply_patience = reply_patience;
  options.value_size = 256 << 10;
  return options;
}

// More replies than pipes and buffers hold. Requests are sent as the node takes them.
constexpr int unread = 200;
void ask_without_reading(PlainClient& client) {
  for (int i = 0; i < unread; ++i) {
    REQUIRE(client.send({std::to_string(i), "", "GET", "k"}));
  }
}

TEST_CASE("a client that does not read keeps no other from being served, and gets its replies when it reads") {
  Node node(small_pipes(patience));
  node.answer();
  zmq::context_t context;
  PlainClient lazy(context, node.endpoint(), 8);
  PlainClient other(context, node.endpoint());
  ask_without_reading(lazy);
  CHECK(node.loop().wait_for([&] { return node.answerer().backlog() > 10U * (256 << 10); }));
  CHECK(serves(other));
  for (int i = 0; i < unread; ++i) {
    const Message reply = lazy.receive();
    REQUIRE(reply.size() == 6);
    REQUIRE(reply[0] == std::to_string(i));
  }
  CHECK(node.loop().wait_for([&] { return node.answerer().backlog() == 0; }));
  CHECK(node.counters().replies_kept > 0);
  CHECK(node.counters().replies_lost == 0);
}

TEST_CASE("replies that a client does not read are dropped when their time is out") {
  Node node(small_pipes(std::chrono::milliseconds(200)));
  node.answer();
  zmq::context_t context;
  PlainClient lazy(context, node.endpoint(), 8);
  ask_without_reading(lazy);
  CHECK(node.loop().wait_for([&] { return node.answerer().greatest_backlog() > 0; }));
  CHECK(node.loop().wait_for([&] { return node.answerer().backlog() == 0; }));
  CHECK(node.counters().replies_lost > 0);
  CHECK(node.logger().has("did not read them in time"));
}

TEST_CASE("replies to a client that is gone are dropped") {
  Node node({});
  zmq::context_t context;
  {
    PlainClient leaving(context, node.endpoint());
    REQUIRE(leaving.send(ping));
    REQUIRE(node.wait_for_requests(1));
  }
  wire::ClientAddress gone;
  node.loop().call([&] {
    auto batch = node.mailbox().take();
    gone = std::get<actors::ClientRequests>(*batch.begin()).requests.front().from;
  });
  // Replies are taken for it until the end of its connection is known.
  CHECK(node.loop().wait_for([&] {
    node.socket().send({wire::ClientReply{gone, wire::PingReply()}});
    return node.socket().counters().replies_lost > 0;
  }));
  node.answer();
  PlainClient other(context, node.endpoint());
  CHECK(serves(other));
}

// ---- Malformed input ----

TEST_CASE("malformed requests of every kind are answered, and harm no other client") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient poor(context, node.endpoint());
  PlainClient other(context, node.endpoint());
  const std::vector<Message> malformed = {
      {"", ""},
      {"", "NO"},
      {"", "ping"},
      {"", "SET", "k"},
      {"", "SET", "", "v"},
      {"", "SET", "k", "v", "IF", "x"},
      {"", "GET", "k", "LOCAL", "LOCAL"},
      {"", Bytes(300'000, '\xff')},
      {"PING"},
      {"1", "2", "3", "4", "5", "6", "7", "8", "9", "", "PING"},
      {Bytes(65, 'e'), "", "PING"},
      Message(1000, "x"),
  };
  for (const Message& message : malformed) {
    CAPTURE(message.size());
    REQUIRE(answers_with(poor, message, "BAD_REQUEST"));
    REQUIRE(serves(other));
  }
  Message endless = {"", "SET", "k", "v"};
  endless.resize(5'000, "SYNCED");
  CHECK(answers_with(poor, endless, "BAD_REQUEST"));
  CHECK(answers_with(poor, {"", "SET", Bytes(1025, 'k'), "v"}, "TOO_LARGE"));
  CHECK(answers_with(poor, {"", "SET", "k", Bytes((1 << 20) + 1, 'v')}, "TOO_LARGE"));
  CHECK(serves(poor));
  CHECK(serves(other));
  CHECK(node.logger().has("refused a client's message: BAD_REQUEST"));
}

TEST_CASE("an envelope comes back with the refusal") {
  Node node({});
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  const Message reply = client.ask({"a", "b", "", "NO"});
  REQUIRE(reply.size() == 6);
  CHECK(Message(reply.begin(), reply.begin() + 5) == Message{"a", "b", "", "ERR", "BAD_REQUEST"});
}

TEST_CASE("a message of one empty frame is ignored") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  REQUIRE(client.send({""}));
  CHECK(serves(client));
  CHECK(node.counters().refused == 0);
}

TEST_CASE("a frame over the limit drops its connection and no other") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient poor(context, node.endpoint());
  PlainClient other(context, node.endpoint());
  REQUIRE(poor.send({"", "SET", "k", Bytes(17 << 20, 'v')}));
  CHECK(serves(other));
  PlainClient again(context, node.endpoint());
  CHECK(serves(again));
  CHECK(node.counters().requests == 2);
}

// Sends `bytes` to the node as they are; true when the node then closes the connection.
bool dropped_after(const std::string& endpoint, const Bytes& bytes) {
  const std::size_t colon = endpoint.rfind(':');
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket(context);
  const auto port = static_cast<std::uint16_t>(std::stoul(endpoint.substr(colon + 1)));
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
  boost::asio::write(socket, boost::asio::buffer(bytes));
  boost::system::error_code error;
  std::array<char, 256> read{};
  while (!error) {
    socket.read_some(boost::asio::buffer(read), error);
  }
  return error == boost::asio::error::eof || error == boost::asio::error::connection_reset;
}

TEST_CASE("a connection that sends what is not ZeroMQ is dropped and logged, and harms no other") {
  NodeOptions options;
  options.socket.handshake_timeout = std::chrono::milliseconds(300);
  Node node(options);
  node.answer();
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  REQUIRE(serves(client));
  Bytes greeting("\xff\0\0\0\0\0\0\0\1\x7f", 10);
  const Bytes wrong_mechanism = greeting + Bytes("\3\0NOSUCH", 8) + Bytes(46, '\0');
  for (const Bytes& bytes : {Bytes("GET / HTTP/1.1\r\nHost: strata\r\n\r\n"), Bytes(4096, '\0'), Bytes(4096, '\xff'),
                             greeting, wrong_mechanism}) {
    CAPTURE(bytes.size());
    CHECK(dropped_after(node.endpoint(), bytes));
    REQUIRE(serves(client));
  }
  CHECK(node.loop().wait_for([&] { return node.logger().has("no ZeroMQ handshake came of it"); }));
}

// ---- The front end is full or closed ----

TEST_CASE("requests that a full front end does not take are answered BUSY") {
  NodeOptions options;
  options.mailbox.messages = 1;
  Node node(options);
  zmq::context_t context;
  PlainClient first(context, node.endpoint());
  PlainClient second(context, node.endpoint());
  REQUIRE(first.send(ping));
  REQUIRE(node.wait_for_requests(1));
  CHECK(answers_with(second, ping, "BUSY"));
  node.answer();
  CHECK(first.receive() == pong);
}

TEST_CASE("requests that a closed front end does not take are answered UNAVAILABLE") {
  Node node({});
  node.mailbox().close();
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  CHECK(answers_with(client, ping, "UNAVAILABLE"));
}

// ---- Start and stop ----

TEST_CASE("replies given before the stop leave") {
  Node node({});
  node.answer();
  zmq::context_t context;
  PlainClient client(context, node.endpoint());
  constexpr int count = 1'000;
  for (int i = 0; i < count; ++i) {
    REQUIRE(client.send(ping));
  }
  REQUIRE(node.wait_for_requests(count));
  node.finish_answering();
  node.stop_socket();
  for (int i = 0; i < count; ++i) {
    REQUIRE(client.receive() == pong);
  }
}

TEST_CASE("several endpoints are served by one socket, names of hosts included") {
  MemoryLogger logger;
  Context context;
  Loop loop;
  ClientSocketOptions options;
  options.listen = {"tcp://127.0.0.1:*", "tcp://localhost:*"};
  auto opened = loop.call([&] { return ClientSocket::open(context, loop.executor(), options, logger); });
  REQUIRE(opened.has_value());
  CHECK((*opened)->endpoints().size() == 2);
  CHECK((*opened)->endpoints()[0] != (*opened)->endpoints()[1]);
  loop.call([&] { opened->reset(); });
}

TEST_CASE("an endpoint that cannot be bound is an error that names it") {
  MemoryLogger logger;
  Context context;
  Loop loop;
  const auto error_of = [&](const std::string& endpoint) {
    return loop.call([&] {
      ClientSocketOptions options;
      options.listen = {endpoint};
      return ClientSocket::open(context, loop.executor(), options, logger).error();
    });
  };
  Node node({});
  CHECK(error_of(node.endpoint()).kind == ErrorKind::in_use);
  CHECK(error_of(node.endpoint()).text.find(node.endpoint()) != std::string::npos);
  CHECK(error_of("7001").kind == ErrorKind::invalid);
  CHECK(error_of("tcp://no.such.host.invalid:7001").text.find("no.such.host.invalid") != std::string::npos);
}

// ---- The clock ----

TEST_CASE("an alarm rings once, not before its time, and not when it was moved or cancelled") {
  Loop loop;
  AsioClock clock(loop.executor());
  int rung = 0;
  TimePoint rung_at;
  std::unique_ptr<actors::Alarm> alarm;
  const auto ring = [&] {
    ++rung;
    rung_at = clock.now();
  };
  const TimePoint begun = clock.now();
  loop.call([&] {
    alarm = clock.make_alarm(ring);
    alarm->set(begun + std::chrono::milliseconds(5));
    alarm->set(begun + std::chrono::milliseconds(30));
  });
  CHECK(loop.wait_for([&] { return rung == 1; }));
  CHECK(loop.call([&] { return rung_at; }) >= begun + std::chrono::milliseconds(30));

  loop.call([&] {
    alarm->set(begun + std::chrono::hours(1));
    alarm->set(begun);  // earlier, and already past
  });
  CHECK(loop.wait_for([&] { return rung == 2; }));

  // The cancelled one would ring before the other.
  std::unique_ptr<actors::Alarm> other;
  bool other_rung = false;
  loop.call([&] {
    alarm->set(clock.now() + std::chrono::milliseconds(5));
    alarm->cancel();
    other = clock.make_alarm([&] { other_rung = true; });
    other->set(clock.now() + std::chrono::milliseconds(20));
  });
  CHECK(loop.wait_for([&] { return other_rung; }));
  CHECK(loop.call([&] { return rung; }) == 2);
  loop.call([&] {
    alarm->set(clock.now() + std::chrono::hours(1));
    alarm.reset();
    other.reset();
  });
}

}  // namespace
}  // namespace strata::net
