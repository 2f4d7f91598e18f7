// A node that lives a story on a machine, as its actors would, and what it was told on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "crash/story.hpp"
#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "wal/data_directory.hpp"
#include "wal/run.hpp"

namespace strata::crash {

// What is safe, as the calls that returned have said, and what may have happened besides, as others were begun.
struct Told {
  std::size_t begun = 0;    // records of the log
  std::size_t written = 0;  // safe when the process dies
  std::size_t synced = 0;   // and when the power is lost
  Vote vote_begun;
  Vote vote_saved;
  std::size_t snapshots_begun = 0;  // of the story's, in order
  std::size_t snapshot_saved = 0;   // the number of the newest that was said to be there, from 1; 0: none
  Incarnation incarnation;          // of the last start that has returned
  bool end_begun = false;           // of that run, cleanly
  bool ended = false;
  wal::Position vouched;  // the log is synced up to here, as the metadata file says
  bool poisoned = false;  // the disk has refused a write or a sync: the run marker was taken away
  bool start_refused = false;
  bool recovering = false;  // so it was started
};

// How a run of the node is started on this kernel.
wal::RunOptions run_options(Durability ack, const char* boot_id);
inline constexpr const char* first_boot = "boot-1";
inline constexpr const char* second_boot = "boot-2";
inline constexpr const char* third_boot = "boot-3";
inline constexpr const char* last_boot = "boot-4";

// What a machine of these tests is before anything runs on it.
std::unique_ptr<test::MemoryFiles> new_machine();

// How many calls that change something a node makes that lives the story to its end.
std::uint64_t calls_of(const Story& story);

class Life {
 public:
  // Both outlive it.
  Life(test::MemoryFiles& files, const Story& story) : files_(files), story_(story) {}
  ~Life();

  // To the end, or until the disk refuses what a node must have. The process is gone when it returns.
  const Told& live();
  // At most this many steps.
  const Told& live(std::size_t steps);

 private:
  bool take(const Start& start);
  bool take(const Stop& stop);
  bool take(const Vote& vote);
  bool take(const Spare& spare);
  bool take(const Append& append);
  bool take(const TakeSnapshot& taken);
  bool take(const InstallSnapshot& installed);
  Result<void> store_snapshot(EntryId last_included, const char* suffix);
  bool save(wal::Metadata metadata);
  bool sync();
  bool sync(const wal::SyncTarget& target);
  bool release(LogIndex up_to);
  bool poison(const Error& error);
  void end_process();

  test::MemoryFiles& files_;
  const Story& story_;
  Told told_;
  test::KeptLines lines_;
  std::unique_ptr<wal::DataDirectory> data_;  // while a process runs
  std::optional<wal::SyncTarget> unsynced_;
  wal::Marks marks_;
};

}  // namespace strata::crash
