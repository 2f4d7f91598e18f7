// The entries that a salvaged log cannot hold, as lines in a file beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal_tool {

// The file is made when there is a first entry.
class LeftOut {
 public:
  LeftOut(wal::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::uint64_t count() const { return count_; }

  // With its value (entry_json).
  Result<void> add(const wal::Segment& segment, const wal::Record& record);
  // On stable storage when it returns.
  Result<void> finish();

 private:
  Result<void> flush();

  wal::FileSystem& files_;
  std::string path_;
  std::unique_ptr<wal::File> file_;
  std::uint64_t size_ = 0;
  std::uint64_t count_ = 0;
  Bytes lines_;  // not yet written
};

}  // namespace strata::wal_tool
