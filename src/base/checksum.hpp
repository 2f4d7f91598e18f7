// CRC-32C (Castagnoli), the checksum of every format of Strata. Check value: crc32c("123456789") == 0xE3069283.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace strata {

std::uint32_t crc32c(BytesView bytes);
// The checksum of the bytes seen so far (whose checksum is `before`) followed by `bytes`.
std::uint32_t crc32c_extend(std::uint32_t before, BytesView bytes);

}  // namespace strata
