// The metadata file: what must be on stable storage before any message that depends on it (design, section 5). Two
// slots of 4 KiB, each with a version and a checksum, written in turn: a write that is cut short leaves the other slot
// whole. Once a save is synced, the slot before it gets the same content, so that either of them may decay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"

namespace strata::wal {

struct Metadata {
  ClusterId cluster;
  NodeId node;
  Incarnation incarnation;
  Term term;
  NodeId vote;  // in `term`; 0: none
  bool operator==(const Metadata&) const = default;
};

class MetadataFile {
 public:
  // The file's name in the data directory.
  static constexpr const char* name = "metadata";

  // Opens the file, or creates it with `initial` (synced, directory included). Errors: damaged when both slots are bad
  // (promises are lost: the cure is --rejoin, see the command line); mismatch when a newer version wrote it.
  static Result<std::unique_ptr<MetadataFile>> open(FileSystem& files, const std::string& directory,
                                                    const Metadata& initial);

  const Metadata& current() const { return current_; }
  // On stable storage when it returns. Blocks for one sync. After an error the file must not be used again.
  Result<void> save(const Metadata& metadata);

 private:
  MetadataFile(std::unique_ptr<File> file, Metadata current, std::uint64_t version, std::size_t slot);

  std::unique_ptr<File> file_;
  Metadata current_;
  std::uint64_t version_ = 0;
  std::size_t slot_ = 0;  // holds current_, synced
};

}  // namespace strata::wal
