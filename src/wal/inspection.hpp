// Looks at the data directory of a node that does not run, without changing anything in it, and goes on behind what is
// bad (docs/wal_format.md, Reading). For kv-wal, and for whoever has to know exactly what of a log is left.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/current_entries.hpp"
#include "wal/file.hpp"
#include "wal/log.hpp"
#include "wal/metadata.hpp"
#include "wal/segment.hpp"
#include "wal/segment_reader.hpp"
#include "wal/snapshot.hpp"

namespace strata::wal {

enum class Verdict {
  torn,      // was never known to be on stable storage: a node cuts it off, or has another copy of it
  damaged,   // was on stable storage once, or must be there
  repaired,  // the same, but what it held was repaired, as far as nothing else has taken its place
  refused,   // belongs to another node or cluster, or a newer version of Strata wrote it
};

struct Finding {
  Verdict verdict = Verdict::damaged;
  std::string file;          // its name in the directory
  std::uint64_t offset = 0;  // in bytes
  std::uint64_t length = 0;  // of what is bad; 0: nothing is, but something is missing here
  // The entries that were here, or may have been: `first` 0: none, or it is not known; `last` 0: it is not known how
  // many. Exact when the record's header can be read, or when Log Matching says it (the entries before and behind are
  // of one term); else it begins behind what was known to be committed, as what cannot be read may have overridden
  // entries that were not. Some of them may be overridden later in the log.
  LogIndex first;
  LogIndex last;
  Term term;          // of all of them; 0: not known
  Position position;  // in the order of the log; segment 0: not a part of the log
  std::string reason;
};

// Whose files they are.
struct Owner {
  ClusterId cluster;
  NodeId node;
  bool operator==(const Owner&) const = default;
};

// Is told what is found: records in the order of the log; findings in theirs, those of the log at its end, as a repair
// stands behind what it repairs.
class InspectionVisitor {
 public:
  virtual ~InspectionVisitor() = default;
  // A good record of the log, also one whose entry does not hold any more, also one behind a damaged one.
  virtual void on_record(const Segment&, const Record&) {}
  virtual void on_finding(const Finding&) {}
  // For who puts the log together: a finding of the log when it is met, without a judgement of what comes behind ...
  virtual void on_damage(const Finding&) {}
  // ... and an entry with which the log is known to end here, whatever was read before. Its record may be damaged.
  virtual void on_known_end(EntryId) {}
};

// What was found in all.
struct Inspection {
  std::optional<Owner> owner;        // nothing: no good metadata and no good segment head; then no record could be read
  std::string owner_from;            // the file that says so
  std::optional<Metadata> metadata;  // what holds
  std::vector<SnapshotFile> snapshots;  // good ones, newest first
  std::uint64_t segments = 0;           // files
  std::uint64_t records = 0;            // good ones
  std::uint64_t bytes = 0;              // of them
  Position end;                         // of them; {0, 0} when there is no log
  std::optional<std::uint32_t> link;    // what the next record's link must be; nothing: the log ends with damage
  Position sound_end;                   // behind the last good header
  std::uint32_t sound_link = 0;         // and the link there
  std::uint64_t torn_bytes = 0;         // behind it
  LogIndex first_index{1};              // the first entry the log holds, good or not
  LogIndex last_index;                  // first_index - 1: none
  Term last_term;                       // of the last entry, or of what the log stands on
  LogIndex commit_index;       // the highest mark, not beyond last_index; what the newest snapshot holds at least
  bool superseded = false;     // the log does not hold what the newest snapshot does: none of it holds
  std::uint64_t findings = 0;  // torn and repaired ones left out; 0: sound
  CurrentEntries current;      // which records hold; of those below first_index, none does

  EntryId snapshot() const { return snapshots.empty() ? EntryId{} : snapshots.front().last_included; }
};

// Reads everything: segments, metadata, snapshots. Memory is bounded by the longest record, the number of segments, of
// overrides, of repairs and of findings (neighbouring blocks that cannot be read are one). Errors: not_found when the
// directory holds nothing of a node; io when it cannot be listed or a file cannot be opened. Does not look at the lock
// (ReadOnlyFiles::look_at_lock with lock_path).
Result<Inspection> inspect(ReadOnlyFiles& files, const std::string& directory, InspectionVisitor& visitor);

}  // namespace strata::wal
