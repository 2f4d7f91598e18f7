// A file on a disk with sectors that cannot be read: they read as zeros, and are remembered.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "wal/file.hpp"

namespace strata::wal {

// For reading only. Its reads fail never: what was read as zeros must be asked for (unreadable).
class ForgivingFile final : public File {
 public:
  // Bytes that are given up together.
  static constexpr std::uint64_t block = 4096;

  explicit ForgivingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  // Neighbouring blocks that cannot be read.
  struct Stretch {
    std::uint64_t end = 0;
    std::string reason;  // of the first of them that was met
  };
  // What was met up to now, by where it begins; no two touch each other.
  const std::map<std::uint64_t, Stretch>& unreadable() const { return unreadable_; }
  // Where the last of it ends; 0: there is none.
  std::uint64_t unreadable_end() const { return unreadable_.empty() ? 0 : unreadable_.rbegin()->second.end; }
  // Whether any byte from `from` to `to` was met and cannot be read.
  bool is_unreadable(std::uint64_t from, std::uint64_t to) const;

  Result<std::size_t> write_at(std::uint64_t offset, BytesView bytes) override;
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override;
  Result<void> sync() override { return file_->sync(); }
  Result<std::uint64_t> size() override { return file_->size(); }

 private:
  void give_up(std::uint64_t block_begin, const std::string& reason);

  std::unique_ptr<File> file_;
  std::map<std::uint64_t, Stretch> unreadable_;
};

}  // namespace strata::wal
