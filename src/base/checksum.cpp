#include "base/checksum.hpp"

#include <isa-l/crc.h>

namespace strata {

std::uint32_t crc32c_extend(std::uint32_t before, BytesView bytes) {
  // ISA-L takes up to 2^31 bytes a call, does not write through the pointer, and leaves both inversions to the caller.
  constexpr std::size_t most = std::size_t{1} << 30;
  std::uint32_t state = ~before;
  while (!bytes.empty()) {
    const BytesView part = bytes.substr(0, most);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    state = crc32_iscsi(data, static_cast<int>(part.size()), state);
    bytes.remove_prefix(part.size());
  }
  return ~state;
}

std::uint32_t crc32c(BytesView bytes) {
  return crc32c_extend(0, bytes);
}

}  // namespace strata
