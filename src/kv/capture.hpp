// A picture of the state machine at one index, taken in small pieces while it moves on: a part of the dictionary that
// is about to change is encoded before its first change. Nothing of it is ever a mixture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "kv/dictionary.hpp"

namespace strata::kv {

class StateMachine;

class Capture {
 public:
  // Of `state` as it is now; encodes the sessions.
  explicit Capture(const StateMachine& state);

  LogIndex applied() const { return applied_; }
  // Before the key is stored.
  void about_to_store(const Dictionary& dictionary, BytesView key);
  // What follows: `bytes` or a little more, or the rest. Nothing when it has ended.
  Bytes next(const Dictionary& dictionary, std::size_t bytes);
  bool ended() const { return ended_; }

 private:
  LogIndex applied_;
  Bytes head_;
  std::size_t next_part_ = 0;
  std::map<std::size_t, Bytes> encoded_;  // parts that have changed since
  std::uint32_t checksum_ = 0;
  bool ended_ = false;
};

}  // namespace strata::kv
