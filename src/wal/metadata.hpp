// The metadata file: what must be on stable storage before any message that depends on it (design, section 5). Two
// slots of 4 KiB, each with a version and a checksum, written in turn: a write that is cut short leaves the other slot
// whole. Once a save is synced, the slot before it gets the same content, so that either of them may decay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/durability.hpp"
#include "base/ids.hpp"
#include "base/membership.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"

namespace strata::wal {

// What a run of the node says of itself, for the next start (design, section 6, rule 2).
struct Run {
  static constexpr std::size_t max_boot_id = 64;

  std::string boot_id;                  // of the kernel that ran it; up to max_boot_id bytes, empty: not known
  Durability ack = Durability::synced;  // the level at which it acknowledged
  bool ended_cleanly = false;           // with everything synced
  bool recovering = false;              // what it held was not all that the node had ever acknowledged
  bool operator==(const Run&) const = default;
};

struct Metadata {
  ClusterId cluster;
  NodeId node;
  Incarnation incarnation;
  Term term;
  NodeId vote;                  // in `term`; 0: none
  std::uint64_t directory = 0;  // names the data directory: drawn when it was made, and never changed
  Run run{};                    // the one that saved this
  Position synced{};            // the log was on stable storage up to here (a lower bound)
  Admission admission = Admission::member;
  std::vector<KnownMember> members{};   // the others, as far as they are known; less than max_members
  std::vector<std::uint64_t> nonces{};  // of the newest starts, the newest first; at most max_nonces, none of them 0
  bool operator==(const Metadata&) const = default;
};

// A slot as it stands in the file, for who only looks (wal/inspection.hpp).
struct MetadataSlot {
  std::optional<Metadata> metadata;  // nothing: it is bad, or of a newer format
  std::uint64_t version = 0;         // the good one with the higher version holds
  bool newer = false;
};

inline constexpr std::size_t metadata_slot_size = 4096;

// Errors: io.
Result<std::array<MetadataSlot, 2>> read_metadata_slots(File& file);

class MetadataFile {
 public:
  // The file's name in the data directory.
  static constexpr const char* name = "metadata";

  // The name that it is given when it cannot be read and the node rejoins.
  static constexpr const char* unreadable_name = "metadata.unreadable";

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
