#include "strata/client.hpp"

#include <condition_variable>
#include <mutex>

#include "base/assert.hpp"
#include "client/engine.hpp"

namespace strata::client {

namespace {

wire::SetRequest set_request(std::string&& key, std::string&& value, SetOptions&& options) {
  wire::SetRequest request;
  request.key = std::move(key);
  request.value = std::move(value);
  request.synced = options.synced;
  if (options.if_revision) {
    request.if_revision = LogIndex(*options.if_revision);
  }
  if (options.once) {
    wire::Once& once = request.once.emplace();
    once.client = std::move(options.once->client);
    once.number = options.once->number;
    if (options.once->since) {
      once.since = LogIndex(*options.once->since);
    }
  }
  return request;
}

wire::GetRequest get_request(std::string&& key, const GetOptions& options) {
  wire::GetRequest request;
  request.key = std::move(key);
  request.local = options.local;
  request.synced = options.synced;
  if (options.min_revision) {
    request.min_revision = LogIndex(*options.min_revision);
  }
  return request;
}

// Begins a request by `begin(callback)` and waits for its answer.
template <class T, class Begin>
Outcome<T> wait_for(const Begin& begin) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Outcome<T>> answer;
  const bool taken = begin([&](Outcome<T> outcome) {
    // Notified under the lock: the waiter must not be gone before notify_one() has returned.
    const std::lock_guard lock(mutex);
    answer = std::move(outcome);
    answered.notify_one();
  });
  if (!taken) {
    return Error{ErrorCode::busy, "too many requests of this client are outstanding"};
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return answer.has_value(); });
  return std::move(*answer);
}

}  // namespace

std::string_view name_of(ErrorCode code) {
  static constexpr std::string_view names[error_code_count] = {
      "BAD_REQUEST",  "TOO_LARGE", "BUSY",           "UNAVAILABLE", "CONFLICT",
      "STALE_NUMBER", "UNKNOWN",   "CANNOT_CONNECT", "TIMED_OUT",   "CLOSED"};
  const auto index = static_cast<std::size_t>(code);
  STRATA_ASSERT(index < error_code_count);
  return names[index];
}

Client::Client(Options options) : engine_(std::make_unique<Engine>(std::move(options))) {}
Client::~Client() = default;

bool Client::set(std::string key, std::string value, SetOptions options, SetCallback done) {
  return engine_->submit({.body = set_request(std::move(key), std::move(value), std::move(options)),
                          .done = std::move(done),
                          .endpoint = {},
                          .timeout = {}});
}

bool Client::get(std::string key, GetOptions options, GetCallback done) {
  return engine_->submit(
      {.body = get_request(std::move(key), options), .done = std::move(done), .endpoint = {}, .timeout = {}});
}

bool Client::status(std::string endpoint, std::chrono::nanoseconds timeout, StatusCallback done) {
  return engine_->submit({.body = wire::StatusRequest{},
                          .done = std::move(done),
                          .endpoint = endpoint.empty() ? "(none)" : std::move(endpoint),
                          .timeout = timeout});
}

Outcome<Stored> Client::set(std::string key, std::string value, SetOptions options) {
  STRATA_ASSERT(!engine_->on_own_thread());
  return wait_for<Stored>(
      [&](SetCallback done) { return set(std::move(key), std::move(value), std::move(options), std::move(done)); });
}

Outcome<std::optional<Found>> Client::get(std::string key, GetOptions options) {
  STRATA_ASSERT(!engine_->on_own_thread());
  return wait_for<std::optional<Found>>(
      [&](GetCallback done) { return get(std::move(key), options, std::move(done)); });
}

Outcome<std::string> Client::status(std::string endpoint, std::chrono::nanoseconds timeout) {
  STRATA_ASSERT(!engine_->on_own_thread());
  return wait_for<std::string>(
      [&](StatusCallback done) { return status(std::move(endpoint), timeout, std::move(done)); });
}

}  // namespace strata::client
