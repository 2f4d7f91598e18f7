// Deterministic mutation of byte strings: one seed, one sequence, with every compiler and library.
#pragma once

#include <array>
#include <cstdint>
#include <random>

#include "base/bytes.hpp"

namespace strata::fuzz {

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : engine_(seed) {}

  // A number below `bound`, which is above 0. (The distributions of the standard library differ from one to another.)
  std::size_t below(std::size_t bound) { return engine_() % bound; }

  // One to four small changes.
  void mutate(Bytes& bytes) {
    for (std::size_t left = 1 + below(4); left > 0; --left) {
      mutate_once(bytes);
    }
  }

 private:
  void mutate_once(Bytes& bytes) {
    const std::size_t at = below(bytes.size() + 1);
    switch (below(7)) {
      case 0:
        flip(bytes, at);
        break;
      case 1:
        overwrite(bytes, at, static_cast<std::uint8_t>(interesting()));
        break;
      case 2:
        overwrite(bytes, at, static_cast<std::uint32_t>(interesting()));
        break;
      case 3:
        overwrite(bytes, at, interesting());
        break;
      case 4:
        bytes.insert(at, Bytes(1 + below(9), static_cast<char>(interesting())));
        break;
      case 5:
        bytes.erase(at, 1 + below(9));
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size() + 1), 1 + below(40)));
        break;
    }
  }

  void flip(Bytes& bytes, std::size_t at) {
    if (at < bytes.size()) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
    }
  }

  template <class Number>
  void overwrite(Bytes& bytes, std::size_t at, Number value) {
    if (at + sizeof value <= bytes.size()) {
      std::memcpy(bytes.data() + at, &value, sizeof value);
    }
  }

  // Numbers at which lengths, counts and indexes break.
  std::uint64_t interesting() {
    static constexpr std::array<std::uint64_t, 12> numbers = {
        0, 1, 2, 7, 0x20, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0xffffffff, ~std::uint64_t{0}};
    return below(2) == 0 ? numbers[below(numbers.size())] : engine_();
  }

  std::mt19937_64 engine_;
};

}  // namespace strata::fuzz
