// The write-ahead log: an append-only sequence of checksummed records in segments (docs/wal_format.md).
//
// A record with an index at or below the last overrides that entry and all behind it; nothing is overwritten in place.
// A record that can no longer be read leaves a hole; a repair fills it, by a record of its own at the log's end.
// One thread at a time, but for SyncTarget::sync, prepare_segment and remove_segments. Every call that returns a Result
// may block on the disk. The FileSystem outlives the log.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"

namespace strata::wal {

// A place in the log: everything before it in log order. Segments are numbered without a gap, from 1 on; the oldest go
// when snapshots have taken their place.
struct Position {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

// What every record says of the time it was written.
struct Marks {
  Position synced;        // the log was on stable storage up to here (a lower bound)
  LogIndex commit_index;  // and committed up to here
};

struct LogOptions {
  std::string directory;  // exists
  std::uint64_t segment_size =
      64 << 20;  // bytes; a record that needs more gets a segment of its own size. At most 1 GiB
  ClusterId cluster;
  NodeId node;
  bool repairable = false;  // others hold the same entries: a damaged log opens with holes, which are to be repaired
  std::uint64_t progress_every = 256 << 20;  // bytes read by opening, after which it says how far it has come

  // What is known of the log from elsewhere, for opening it.
  Position synced{};               // it was on stable storage up to here
  bool only_process_died = false;  // no kernel has, since it was written: what it was given is there, in its order
};

// What opening found.
struct Recovered {
  EntryId base;  // the entries up to this one are gone
  LogIndex last_index;
  LogIndex commit_index;           // the highest mark, not beyond last_index; what the snapshot holds at least
  std::vector<TermRun> term_runs;  // of entries base + 1 to last_index
  std::uint64_t segments = 0;
  std::uint64_t records = 0;     // valid ones, overridden ones included
  std::uint64_t bytes = 0;       // of valid records
  std::uint64_t torn_bytes = 0;  // cut from the end: what was not written whole, up to the last byte that was not zero
  // Only of a log that is repairable:
  std::vector<Hole> holes;   // in rising order, behind `base`
  bool is_damaged = false;   // something that the node may have acknowledged is missing: holes, or the log's end
  bool end_unknown = false;  // there were entries behind last_index, perhaps, of which not even the terms are known
};

// A segment file that is allocated, zero-filled and synced, under a temporary name, not yet part of the log. One that
// is never used is removed at the next start.
struct PreparedSegment {
  std::unique_ptr<File> file;
  std::string path;  // the temporary name
  std::uint32_t sequence = 0;
  std::uint64_t size = 0;
};

// Creates the segment numbered `sequence`, of options.segment_size. Any thread, beside everything else, but one call at
// a time. An error leaves nothing behind, and it may be tried again.
Result<std::unique_ptr<PreparedSegment>> prepare_segment(FileSystem& files, const LogOptions& options,
                                                         std::uint32_t sequence);

// Removes what Log::release has let go of, one after the other, each durably, and in steps: no sync of the log waits
// for all of one. Any thread, beside everything else, but one call at a time, in the order of the releases.
Result<void> remove_segments(FileSystem& files, const std::string& directory, const std::vector<std::string>& paths);

// What a sync has to reach: the log's end when it was taken. May be synced by another thread than the writer's, and
// outlive the log. Everything before its file's segment is already synced. After an error the log is poisoned: nothing
// of it may be synced or appended again.
struct SyncTarget {
  std::shared_ptr<File> file;
  Position end;
  Result<void> sync() const { return file->sync(); }
};

struct LogState;
struct RecordHeader;
enum class RecordType : std::uint8_t;

class Log {
 public:
  // Whether the kernel that is asked for the log's content may show what is not on the disk: one that has lived through
  // a failed sync may. What no sync is known to have covered is written again then.
  enum class Kernel : std::uint8_t { trusted, doubtful };

  // Opens or creates the log: reads all of it, checks every record, syncs every segment before anything in it is
  // trusted, removes left-over temporary files. Reports progress to `logger`. A bad record at or behind the highest
  // synced mark of all valid records and of `options` is torn: the log is cut there (zeroed to its end, synced), and
  // the log line counts the bytes. When only the process died, that holds for the very last record alone. `snapshot`:
  // everything up to this entry is in a snapshot ({0, 0}: there is none). A log that does not hold the entry begins
  // anew behind it (Raft paper, Figure 13, receiver implementation 6 and 7): it was installed, or the log's end was
  // lost with the power. Errors: damaged (file, offset and index in the text) when a bad record lies before that mark
  // or valid ones behind it where they cannot, a segment or its head is missing, or the log begins later than the
  // snapshot ends: nothing is cut; mismatch when a segment belongs to another node or cluster, or has a newer format.
  // When `options.repairable`, damaged is only what leaves no log at all (a segment's file is missing); everything else
  // that is bad leaves holes, and nothing is written to a log that `is_damaged` but zeros behind its end.
  static Result<std::unique_ptr<Log>> open(FileSystem& files, LogOptions options, Logger& logger, EntryId snapshot = {},
                                           Kernel kernel = Kernel::trusted);
  ~Log();

  const Recovered& recovered() const;
  LogIndex last_index() const;
  // Where the next record goes, unless it needs a new segment. Just after opening, all before it is synced.
  Position end() const;

  // Appends the entries (consecutive indexes; the first at most last_index() + 1) and returns the sync target that
  // covers them. They are in the kernel when this returns: the death of the process does not lose them. A synced mark
  // older than what the log knows by itself (it was opened, it cut a segment) is raised to that.
  // Errors: no_space when the disk has no room for a new segment: nothing was appended, the log is as it was and may be
  // used. After any other the log must not be used again: its end is undefined.
  Result<SyncTarget> append(std::span<const Entry> entries, const Marks& marks);

  // Fills holes: entries of indexes that are missing (is_missing), in rising order. Else as append; what follows each
  // entry stays.
  Result<SyncTarget> repair(std::span<const Entry> entries, const Marks& marks);
  // first_index() <= index <= last_index().
  bool is_missing(LogIndex index) const;

  // The log must begin anew behind the snapshot, which opening has left undone because it is damaged: restart is to be
  // called before anything else is written, once it is on stable storage that the node is recovering.
  bool restart_due() const;

  // Drops every entry; the log goes on behind `base`, which a snapshot on stable storage holds. On stable storage
  // itself when it returns. Errors: as append.
  Result<void> restart(EntryId base, const Marks& marks);
  // Lets go of the segments that hold no current entry behind `up_to`, up to which there is a snapshot; for 0, of none.
  // Their paths, the oldest first, for remove_segments. A start finds those again that are not removed.
  std::vector<std::string> release(LogIndex up_to);
  // The first entry that can be read.
  LogIndex first_index() const;

  // The number of a segment that should be prepared (prepare_segment) and given, so that cutting does not have to wait
  // for it; nothing when a spare is there. append makes its own when it needs one and has none. Ask again only when
  // what was asked for has been given, or its preparation has failed.
  std::optional<std::uint32_t> wants_spare() const;
  void give_spare(std::unique_ptr<PreparedSegment> spare);

  // Bytes of the bodies of the current entries from `first` to `last`, as told by where their records stand, without
  // reading them: at most 7 bytes too many for each, and what was overridden between them counts as well.
  // Missing and repaired ones count as empty. first_index() <= first, last <= last_index(); 0 when first > last.
  std::uint64_t body_bytes(LogIndex first, LogIndex last) const;
  // The current entries from `first` on, up to `last`, as many as `max_bytes` of bodies hold, at least one. They share
  // buffers. Damaged, missing or unreadable records are an error. first_index() <= first <= last <= last_index().
  Result<std::vector<Entry>> read(LogIndex first, LogIndex last, std::size_t max_bytes);
  // Hands every current entry from `first` to `last` to `visit`, in order. One that is kept keeps up to 1 MiB alive.
  Result<void> replay(LogIndex first, LogIndex last, const std::function<void(const Entry&)>& visit);

 private:
  explicit Log(std::unique_ptr<LogState> state);

  Result<void> prepare_for(std::span<const Entry> entries);
  Result<void> allocate_own(std::size_t place, std::uint32_t size);
  Result<SyncTarget> write(std::span<const Entry> entries, RecordType type, const Marks& marks);
  Result<void> write_entry(const Entry& entry, RecordType type, const Marks& marks);
  LogIndex first_in_place(LogIndex from) const;
  void forget_released(LogIndex first_needed);
  void put_record(RecordHeader header, BytesView body, const Marks& marks);
  Result<void> flush();
  Result<void> cut();
  std::uint32_t end_of_record(LogIndex index) const;
  Result<void> visit_while(LogIndex first, LogIndex last, std::size_t read_ahead,
                           const std::function<bool(const Entry&)>& visit);

  std::unique_ptr<LogState> state_;
};

}  // namespace strata::wal
