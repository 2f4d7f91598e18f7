// What happened, one line an event. It is always hashed and printed on request: equal seeds have equal hashes, with any
// compiler and any optimisation.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/ids.hpp"
#include "sim/scheduler.hpp"

namespace strata::sim {

class Trace {
 public:
  // Prints to `out`, when there is one.
  Trace(const Scheduler& scheduler, std::FILE* out) : scheduler_(scheduler), out_(out) {}

  // `format` is for numbers only ("{}" each) and has static lifetime. Node 0: the world.
  template <class... Numbers>
  void event(NodeId node, std::string_view format, Numbers... numbers) {
    const std::array<std::uint64_t, sizeof...(Numbers)> values{plain(numbers)...};
    begin(node, format);
    for (const std::uint64_t value : values) {
      mix(value);
    }
    if (out_ != nullptr) [[unlikely]] {
      print(node, fmt::vformat(format, fmt::make_format_args(plain_reference(numbers)...)));
    }
  }
  void text(NodeId node, std::string_view text);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return events_; }

 private:
  template <class Number>
  static std::uint64_t plain(Number number) {
    if constexpr (requires { number.value; }) {
      return static_cast<std::uint64_t>(number.value);
    } else {
      return static_cast<std::uint64_t>(number);
    }
  }
  template <class Number>
  static const Number& plain_reference(const Number& number) {
    return number;
  }

  void begin(NodeId node, std::string_view what);
  void mix(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
  }
  void mix(std::string_view text);
  void print(NodeId node, std::string_view text);

  const Scheduler& scheduler_;
  std::FILE* out_;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::uint64_t events_ = 0;
};

}  // namespace strata::sim
