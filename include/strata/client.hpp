// The client library of Strata: set, get and status of a cluster, asynchronous or waiting.
//
//   strata::client::Client client({.endpoints = {"tcp://127.0.0.1:7001", "tcp://127.0.0.1:7002"}});
//   auto stored = client.set("colour", "blue");
//   if (!stored) { std::cerr << stored.error().text << '\n'; }
//
// A client owns one thread of its own (beside ZeroMQ's), keeps `connections` connections to the leader and sends it any
// number of requests at once. It learns the members and the leader from the nodes it is told of, and turns to another
// node when the leader refuses, dies or falls silent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace strata::client {

// Why a request was not answered with what was asked for. The first seven are the protocol's, the others the client's.
enum class ErrorCode : std::uint8_t {
  bad_request,     // malformed (an empty key, say); not applied
  too_large,       // the key or the value is over its limit; not applied
  busy,            // the node, or this client, had no room for it until the timeout; not applied
  unavailable,     // no leader, no majority, shutting down, … until the timeout; not applied
  conflict,        // `if_revision` did not hold; not applied; Error::revision is the key's revision
  stale_number,    // a `once` number already passed by; not applied by this request, perhaps by an earlier one
  unknown,         // a SET that may or may not be applied, now or soon: it was sent, and its answer is lost
  cannot_connect,  // no node could be reached; not applied
  timed_out,       // a GET or STATUS without an answer until the timeout
  closed,          // the client was destroyed before the request was sent (a SET; not applied) or answered (others)
};

inline constexpr std::size_t error_code_count = 10;

// The protocol's name of the code: "UNAVAILABLE"; in the same style for the client's own: "TIMED_OUT".
std::string_view name_of(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::unknown;
  std::string text;                         // for a person, one line
  std::optional<std::uint64_t> revision{};  // with conflict: the key's revision
};

// The answer asked for, or the reason why there is none.
template <class T>
class Outcome {
 public:
  // Implicit: a value and an error are both outcomes as they stand.
  Outcome(T value) : content_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Outcome(Error error) : content_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // Look at ok() before: the wrong one throws std::bad_variant_access.
  const T& value() const { return std::get<0>(content_); }
  T& value() { return std::get<0>(content_); }
  const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

// A stored write.
struct Stored {
  std::uint64_t revision = 0;  // the log index of the write; rises with every write of the cluster
  bool synced = false;         // on stable storage of a majority; otherwise in the kernel of a majority
};

// What a key holds.
struct Found {
  std::string value;
  std::uint64_t revision = 0;  // of the write that stored the value
};

// Exactly once: the cluster applies the number of a client once, however often it is sent.
struct Once {
  std::string client;        // 1 to 64 bytes, this client's alone (a UUID)
  std::uint64_t number = 1;  // from 1, higher with each new write
  // The greatest revision this client had seen when it began: the same in all its writes. A server that may have
  // forgotten the client tells it by this from a new one (stale_number).
  std::optional<std::uint64_t> since{};
};

struct SetOptions {
  std::optional<Once> once{};                  // makes it safe to repeat: the client then does, until the timeout
  std::optional<std::uint64_t> if_revision{};  // store only when the key's revision is this (0: there is no such key)
  bool synced = false;                         // answer only when a majority has synced it
};

struct GetOptions {
  bool local = false;                           // any node's state at once: perhaps old, works without a majority
  std::optional<std::uint64_t> min_revision{};  // not before the node has applied this revision
  bool synced = false;                          // wait until what is read is synced on a majority
};

struct Options {
  // Nodes to begin with, one or more: "tcp://host:port" or "ipc://path". The others are learned.
  std::vector<std::string> endpoints{"tcp://127.0.0.1:7001"};
  // Connections towards the leader, 1 to 1000; requests are spread over them in turn.
  unsigned connections = 1;
  // Every request is answered within this, by the cluster or by the client.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds(5);
  // While no node at all can be reached for this long, requests end with cannot_connect. No more than request_timeout.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  // Requests begun and not yet answered, at most; bounds the memory of the client.
  std::size_t max_outstanding = 65536;
};

// Called once for each request, on the client's thread. They must be short, must not throw and must not wait; they may
// begin further requests, which is cheap there (no lock, no wake-up). A callback of up to two pointers in size costs no
// allocation.
using SetCallback = std::function<void(Outcome<Stored>)>;
using GetCallback = std::function<void(Outcome<std::optional<Found>>)>;
using StatusCallback = std::function<void(Outcome<std::string>)>;

// Any thread may call any member but the destructor.
class Client {
 public:
  // Begins to connect, waits for nothing. An endpoint that is no endpoint shows as cannot_connect.
  explicit Client(Options options);
  // Answers what is outstanding (closed; unknown for a SET that was sent) by its callback, then returns. Not from a
  // callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The asynchronous calls. True: `done` will be called exactly once. False: max_outstanding requests are outstanding
  // (or the client is being destroyed), nothing was done and `done` will not be called.
  //
  // A SET that is answered BUSY or UNAVAILABLE was not applied and is sent again until its timeout. One whose answer is
  // lost ends as `unknown` and is never repeated, unless it carries `once`.
  [[nodiscard]] bool set(std::string key, std::string value, SetOptions options, SetCallback done);
  // Linearizable unless an option says otherwise; sent again until its timeout. Nothing: there is no such key.
  [[nodiscard]] bool get(std::string key, GetOptions options, GetCallback done);
  // One node's own view, the JSON object of the protocol's STATUS. Asked once, of that endpoint alone; refused at once
  // (cannot_connect) when nothing listens there, timed_out after `timeout`.
  [[nodiscard]] bool status(std::string endpoint, std::chrono::nanoseconds timeout, StatusCallback done);

  // The same, waiting for the answer. Not from a callback (it would wait for itself: an assertion).
  Outcome<Stored> set(std::string key, std::string value, SetOptions options = {});
  Outcome<std::optional<Found>> get(std::string key, GetOptions options = {});
  Outcome<std::string> status(std::string endpoint, std::chrono::nanoseconds timeout = std::chrono::seconds(1));

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace strata::client
