// A picture of the state machine at one index, taken in small pieces while it moves on: what is stored under a key that
// has not had its turn leaves a copy of what stood there before. Nothing of it is ever a mixture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "kv/dictionary.hpp"

namespace strata::kv {

class StateMachine;

// Items as they were when a capture began, of the keys that have been stored since; nothing: the key is newer.
using EarlierItems = std::map<Bytes, std::optional<Item>, std::less<>>;

class Capture {
 public:
  // Of `state` as it is now; encodes the sessions.
  explicit Capture(const StateMachine& state);

  LogIndex applied() const { return applied_; }
  // Before the key is stored. Keeps what stands there, once, until its turn comes: no more than that, whatever the size
  // of the dictionary, for every write waits for it.
  void about_to_store(const Dictionary& dictionary, BytesView key);
  // What follows: `bytes` or a little more, or the rest. Nothing when it has ended.
  Bytes next(const Dictionary& dictionary, std::size_t bytes);
  bool ended() const { return ended_; }
  // How many items it keeps as they were: at most one for each key that has been stored meanwhile.
  std::size_t kept() const;

 private:
  LogIndex applied_;
  Bytes head_;
  std::size_t next_part_ = 0;
  std::map<std::size_t, EarlierItems> earlier_;  // by part
  std::uint32_t checksum_ = 0;
  bool ended_ = false;
};

}  // namespace strata::kv
