// The dictionary: the state machine of Strata, volatile, rebuilt from the log. Pure and deterministic: equal commands
// in equal order give equal dictionaries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"

namespace strata::kv {

struct Stored {
  Bytes value;
  LogIndex revision;  // index of the write that stored it
};

class Dictionary {
 public:
  // Applies the entry that follows on applied(). An entry that does not decode is a bug or a newer version's: asserted.
  void apply(const Entry& entry);

  LogIndex applied() const { return applied_; }
  std::size_t keys() const { return entries_.size(); }
  // Valid until the next apply. nullptr: no such key.
  const Stored* find(BytesView key) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>()(key); }
  };

  std::unordered_map<Bytes, Stored, Hash, std::equal_to<>> entries_;
  LogIndex applied_;
};

}  // namespace strata::kv
