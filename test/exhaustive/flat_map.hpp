// A hash map of two numbers that never forgets: open addressing, 12 bytes a place. Results never depend on its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace strata::exhaustive {

constexpr std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class FlatMap {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  FlatMap() : keys_(initial_places, empty), values_(initial_places) {}

  // `none` when there is no such key.
  std::uint32_t find(std::uint64_t key) const {
    const std::size_t place = place_of(key);
    return keys_[place] == key ? values_[place] : none;
  }
  // The key is not there yet.
  void add(std::uint64_t key, std::uint32_t value) {
    if (++size_ * 4 > keys_.size() * 3) {
      grow();
    }
    put(key, value);
  }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t initial_places = 1 << 16;
  static constexpr std::uint64_t empty = ~std::uint64_t{0};

  std::size_t place_of(std::uint64_t key) const {
    std::size_t place = mixed(key) & (keys_.size() - 1);
    while (keys_[place] != key && keys_[place] != empty) {
      place = (place + 1) & (keys_.size() - 1);
    }
    return place;
  }
  void put(std::uint64_t key, std::uint32_t value) {
    const std::size_t place = place_of(key);
    keys_[place] = key;
    values_[place] = value;
  }
  void grow() {
    const auto keys = std::exchange(keys_, std::vector<std::uint64_t>(keys_.size() * 2, empty));
    const auto values = std::exchange(values_, std::vector<std::uint32_t>(keys_.size()));
    for (std::size_t place = 0; place < keys.size(); ++place) {
      if (keys[place] != empty) {
        put(keys[place], values[place]);
      }
    }
  }

  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> values_;
  std::size_t size_ = 0;
};

}  // namespace strata::exhaustive
