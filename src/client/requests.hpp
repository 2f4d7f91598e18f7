// The requests of a client that are not yet answered, found by number, and in the order of their deadlines.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "strata/client.hpp"
#include "wire/client_protocol.hpp"

namespace strata::client {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Connection;

using Callback = std::variant<std::monostate, SetCallback, GetCallback, StatusCallback>;

// What a caller asks for.
struct Submission {
  wire::RequestBody body;
  Callback done;
  std::string endpoint;              // of that node alone; empty: of the cluster
  std::chrono::nanoseconds timeout;  // with an endpoint; otherwise the client's request_timeout holds
};

struct Request {
  wire::RequestBody body;
  Callback done;
  SteadyTime deadline;
  Connection* connection = nullptr;  // where it is in flight; null: it waits to be sent
  bool maybe_applied = false;        // a SET that was sent, with the answer lost
  std::uint32_t refusals = 0;        // how often it was answered BUSY or UNAVAILABLE
  std::optional<Error> refusal{};    // the last such answer

  bool is_set() const { return std::holds_alternative<wire::SetRequest>(body); }
  bool is_status() const { return std::holds_alternative<wire::StatusRequest>(body); }
  bool is_local() const;
  // May be sent again while the fate of the first sending is not known.
  bool is_repeatable() const;
};

class RequestTable {
 public:
  using Number = std::uint64_t;

  // All but those with `own_deadline` must have deadlines that never go back from one call to the next.
  Number add(Submission&& submission, SteadyTime deadline, bool own_deadline);
  // Null when it has been answered.
  Request* find(Number number);
  // The request leaves the table; its number is never used again.
  Callback remove(Number number);

  // Among the requests without (with) a deadline of their own, the one whose deadline comes first.
  std::optional<Number> oldest() const;
  std::optional<Number> next_own_deadline() const;
  // Of all of them; nothing when there are none.
  std::optional<SteadyTime> first_deadline() const;
  std::vector<Number> all() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Slot {
    Request request;
    std::uint32_t generation = 0;
    bool used = false;
    bool own_deadline = false;
    std::uint32_t before = none;  // in the order of deadlines
    std::uint32_t after = none;
  };

  static Number number_of(std::uint32_t index, std::uint32_t generation) { return (Number{generation} << 32) | index; }
  Slot* slot_of(Number number);
  std::uint32_t take_free_slot();
  void append(std::uint32_t index);
  void unlink(Slot& slot);

  std::deque<Slot> slots_;  // never moves what it holds
  std::vector<std::uint32_t> free_;
  std::uint32_t first_ = none;
  std::uint32_t last_ = none;
  std::multimap<SteadyTime, Number> own_deadlines_;
  std::size_t size_ = 0;
};

}  // namespace strata::client
