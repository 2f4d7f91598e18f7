// The dictionary: what Strata stores, volatile. Kept on the map of the standard library. Pure and deterministic.
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
  std::size_t size() const { return items_.size(); }
  // Valid until the next store. nullptr: no such key.
  const Item* find(BytesView key) const;
  void store(BytesView key, BytesView value, LogIndex revision);

  // Every key with its item, in the order of the keys' bytes: equal dictionaries list the same. Valid until the next
  // store; takes n log n steps.
  std::vector<std::pair<BytesView, const Item*>> sorted() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>()(key); }
  };

  std::unordered_map<Bytes, Item, Hash, std::equal_to<>> items_;
};

}  // namespace strata::kv
