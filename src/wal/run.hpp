// How the run before this one ended, and what that means for what it left behind (design, section 6, rule 2;
// reliability, 2.5): what was written and not synced survives the death of the process, and not that of the kernel.
#pragma once

#include <cstdint>
#include <string>

#include "base/durability.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/standing.hpp"
#include "wal/file.hpp"
#include "wal/metadata.hpp"

namespace strata::wal {

// What this start knows of itself.
struct RunOptions {
  std::string boot_id;        // of the running kernel; empty: not known, and so never the same as before
  std::string run_directory;  // for the marker; empty: there is none, and only a clean stop is trusted
  Durability ack = Durability::synced;
  std::uint64_t new_directory = 1;  // a random number, not 0: the name of a data directory that has none yet
  std::uint64_t nonce = 1;          // a random number, not 0: of this start
  // The node lost its data directory. Without effect on one that is admitted.
  bool rejoin = false;
};

// The mark of a log that is in use and not poisoned: a file in the run directory, which is on another file system than
// the log. It goes with the kernel, and when the log's disk has failed. The FileSystem outlives it.
class RunMarker {
 public:
  // `directory`: the name of the log's data directory, which is at `data_path`. Without a run directory there is no
  // marker.
  RunMarker(FileSystem& files, const RunOptions& options, const std::string& data_path, std::uint64_t directory);

  // This kernel has run the node ever since the run that saved `last`, or longer, the directory has not been
  // unmounted meanwhile (which may lose what was not synced, as a loss of power does), and its log's disk has not
  // failed. Not so where kernel or mount cannot be told.
  bool vouches_for(const Metadata& last) const;
  // Leaves it for this start, before and after its incarnation is saved. Error: it cannot be written; the text says
  // where.
  Result<void> announce(Incarnation last);
  Result<void> leave(Incarnation incarnation);
  const std::string& path() const { return path_; }
  // The log's disk has failed: the next start trusts nothing that was not synced. Any thread; beside everything else.
  // Error: it may still be there, and then that start would.
  Result<void> remove();

 private:
  Bytes content_before_incarnation() const;
  Result<void> write(BytesView end);

  FileSystem& files_;
  std::string directory_;
  std::string path_;
  std::string boot_id_;
  std::string mount_;  // empty: not known
  std::uint64_t nonce_;
};

// What a node is when it starts after the run that saved `last`.
Standing standing_after(const Metadata& last, const RunOptions& options, const RunMarker& marker);

// Why it is not sound, for the log, as a clause. Of a node that is not, before anything of the last run is replaced.
std::string why_not_sound(const Metadata& last, const RunOptions& options, const RunMarker& marker);

// Whether the kernel that runs now may be one that has seen a sync of that run fail, and so show what is not on the
// disk.
bool kernel_is_doubtful(Standing standing, const Metadata& last, const RunOptions& options);

}  // namespace strata::wal
