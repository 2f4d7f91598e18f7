// Whole reads and writes over the File port, which may do either in parts.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"

namespace strata::wal {

// Writes all of `bytes`, however many calls it takes.
Result<void> write_all(File& file, std::uint64_t offset, BytesView bytes);

// Writes zeros from `from` up to `to`, and syncs as it goes when `sync_every` bytes have been written: a long queue of
// dirty pages would make the syncs of other files wait. 0: it does not sync.
Result<void> write_zeros(File& file, std::uint64_t from, std::uint64_t to, std::uint64_t sync_every);

// Reads until `into` is full or the file ends; returns how much was read.
Result<std::size_t> read_all(File& file, std::uint64_t offset, std::span<char> into);

// True when every byte is zero.
bool all_zero(BytesView bytes);

}  // namespace strata::wal
