#include "wal/forgiving_file.hpp"

#include <algorithm>
#include <iterator>

namespace strata::wal {

Result<std::size_t> ForgivingFile::write_at(std::uint64_t offset, BytesView bytes) {
  return file_->write_at(offset, bytes);
}

// A large read that fails is taken block by block; the caller asks again for what is behind.
Result<std::size_t> ForgivingFile::read_at(std::uint64_t offset, std::span<char> into) {
  Result<std::size_t> read = file_->read_at(offset, into);
  if (read) {
    return read;
  }
  const std::uint64_t left_in_block = block - offset % block;
  const std::span<char> part = into.first(std::min<std::uint64_t>(into.size(), left_in_block));
  read = file_->read_at(offset, part);
  if (!read) {
    give_up(offset / block * block, read.error().text);
    std::fill(part.begin(), part.end(), '\0');
    return part.size();
  }
  return read;
}

bool ForgivingFile::is_unreadable(std::uint64_t from, std::uint64_t to) const {
  const auto behind = unreadable_.lower_bound(to);
  return behind != unreadable_.begin() && std::prev(behind)->second.end > from;
}

void ForgivingFile::give_up(std::uint64_t block_begin, const std::string& reason) {
  if (is_unreadable(block_begin, block_begin + block)) {
    return;
  }
  Stretch stretch{block_begin + block, reason};
  if (const auto next = unreadable_.find(stretch.end); next != unreadable_.end()) {
    stretch.end = next->second.end;
    unreadable_.erase(next);
  }
  const auto behind = unreadable_.lower_bound(block_begin);
  if (behind != unreadable_.begin() && std::prev(behind)->second.end == block_begin) {
    std::prev(behind)->second.end = stretch.end;
  } else {
    unreadable_.emplace(block_begin, std::move(stretch));
  }
}

}  // namespace strata::wal
