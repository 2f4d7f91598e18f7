#include "kv/dictionary.hpp"

#include <algorithm>

#include "base/checksum.hpp"

namespace strata::kv {

namespace {

using Listed = std::pair<BytesView, const Item*>;

}  // namespace

std::size_t Dictionary::part_of(BytesView key) {
  return crc32c(key) % parts;
}

const Item* Dictionary::find(BytesView key) const {
  const auto& items = items_[part_of(key)];
  const auto found = items.find(key);
  return found == items.end() ? nullptr : &found->second;
}

void Dictionary::store(BytesView key, BytesView value, LogIndex revision) {
  auto& items = items_[part_of(key)];
  auto found = items.find(key);
  if (found == items.end()) {
    found = items.try_emplace(Bytes(key)).first;
    ++size_;
  }
  found->second.value.assign(value);
  found->second.revision = revision;
}

std::vector<Listed> Dictionary::sorted() const {
  std::vector<Listed> all;
  all.reserve(size_);
  for (const auto& items : items_) {
    for (const auto& [key, item] : items) {
      all.emplace_back(key, &item);
    }
  }
  std::ranges::sort(all, {}, &Listed::first);
  return all;
}

std::vector<Listed> Dictionary::sorted_part(std::size_t part) const {
  std::vector<Listed> all;
  all.reserve(items_[part].size());
  for (const auto& [key, item] : items_[part]) {
    all.emplace_back(key, &item);
  }
  std::ranges::sort(all, {}, &Listed::first);
  return all;
}

}  // namespace strata::kv
