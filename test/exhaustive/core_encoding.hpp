// What makes two cores equal: everything that decides what a core will do, as bytes.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "raft/core.hpp"

namespace strata::exhaustive {

// Numbers of any size, small ones in one byte.
class Encoder {
 public:
  explicit Encoder(Bytes& out) : out_(out) {}
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      out_.push_back(static_cast<char>(value | 0x80));
    }
    out_.push_back(static_cast<char>(value));
  }
  template <class Tag, class Number>
  void number(StrongId<Tag, Number> id) {
    number(std::uint64_t{id.value});
  }
  void bytes(BytesView bytes) {
    number(bytes.size());
    out_.append(bytes);
  }

 private:
  Bytes& out_;
};

}  // namespace strata::exhaustive

namespace strata::raft {

// A friend of Core. Left out is what does not decide: when a timer is due (any timer may be the next to fire in a
// check), the number of a write (only how many steps it is behind the newest counts), and the entries, which the caller
// encodes (it keeps a copy of the log and compares).
struct CoreEncoding {
  static void encode(const Core& core, exhaustive::Encoder& out);
  static void encode_neighbours(const Core& core, exhaustive::Encoder& out);
  // When the election timer of a follower or candidate is due.
  static TimePoint election_due(const Core& core);
  // Whether the core makes its start known again and again; and that the time for it has come.
  static bool introduces(const Core& core) { return core.introductions_due() != TimePoint::max(); }
  static void make_introductions_due(Core& core) { core.introductions_due_ = core.now_; }
  // The number of the newest Output::append.
  static WriteId last_write(const Core& core) { return core.last_write_; }
};

}  // namespace strata::raft
