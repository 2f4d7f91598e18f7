// What the rooms' files do with the port in more than one call: whole reads and writes, zeros, removals.
#pragma once

#include <cstdint>
#include <span>
#include <string>

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

// Removes a file that may be large and that nobody has open. It is `nameless` first, durably, and then its room is
// given back in steps: what is left of it when the process ends in between must not be taken for what it was.
Result<void> remove_large(FileSystem& files, const std::string& directory, const std::string& path,
                          const std::string& nameless);

// True when every byte is zero.
bool all_zero(BytesView bytes);

}  // namespace strata::wal
