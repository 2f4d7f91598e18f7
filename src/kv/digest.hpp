// A 64-bit digest of a sequence of values (FNV-1a): equal sequences give equal digests on every machine. It finds
// copies that differ by mistake, not by malice. Pure.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace strata::kv {

class Digest {
 public:
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      add_byte(static_cast<unsigned char>(number >> shift));
    }
  }
  // The length counts, so neighbours do not run together.
  void add(BytesView bytes) {
    add(static_cast<std::uint64_t>(bytes.size()));
    for (const char byte : bytes) {
      add_byte(static_cast<unsigned char>(byte));
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }

  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace strata::kv
