#include "kv/dictionary.hpp"

#include <algorithm>

namespace strata::kv {

const Item* Dictionary::find(BytesView key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

void Dictionary::store(BytesView key, BytesView value, LogIndex revision) {
  const auto found = items_.find(key);
  Item& item = found != items_.end() ? found->second : items_[Bytes(key)];
  item.value.assign(value);
  item.revision = revision;
}

std::vector<std::pair<BytesView, const Item*>> Dictionary::sorted() const {
  std::vector<std::pair<BytesView, const Item*>> all;
  all.reserve(items_.size());
  for (const auto& [key, item] : items_) {
    all.emplace_back(key, &item);
  }
  std::ranges::sort(all, {}, &std::pair<BytesView, const Item*>::first);
  return all;
}

}  // namespace strata::kv
