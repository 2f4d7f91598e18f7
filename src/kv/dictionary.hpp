// The dictionary: what Strata stores, volatile. Kept on many maps of the standard library, each holding the keys of one
// part, so that a snapshot can be captured part by part. Pure and deterministic.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace strata::kv {

struct Item {
  Bytes value;
  LogIndex revision;  // index of the write that stored it
};

class Dictionary {
 public:
  // How many parts there are, and which one a key belongs to: the same on all nodes, for all time (the order of a
  // snapshot's content depends on them).
  static constexpr std::size_t parts = 1024;
  static std::size_t part_of(BytesView key);

  Dictionary() : items_(parts) {}

  std::size_t size() const { return size_; }
  // Valid until the next store. nullptr: no such key.
  const Item* find(BytesView key) const;
  void store(BytesView key, BytesView value, LogIndex revision);

  // Every key with its item, in the order of the keys' bytes: equal dictionaries list the same. Valid until the next
  // store; takes n log n steps.
  std::vector<std::pair<BytesView, const Item*>> sorted() const;
  // The same of one part.
  std::vector<std::pair<BytesView, const Item*>> sorted_part(std::size_t part) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>()(key); }
  };

  std::vector<std::unordered_map<Bytes, Item, Hash, std::equal_to<>>> items_;  // by part
  std::size_t size_ = 0;
};

}  // namespace strata::kv
