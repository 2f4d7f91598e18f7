// The core's view of the replicated log: the term of every entry, and the newest entries themselves.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"

namespace strata::raft {

// Terms are kept for the whole log as runs (a few bytes a term), entries only for its newest part (the cache): older
// ones are committed and can be read back from the disk (Output::fetch). What a snapshot has replaced is gone (section
// 7): the log then begins behind its base, whose term is still known.
class Log {
 public:
  Log() = default;
  // `runs` are those of the entries behind `base` up to `last_index`; `tail` are the entries that end the log, it may
  // be empty.
  Log(EntryId base, std::vector<TermRun> runs, LogIndex last_index, std::vector<Entry> tail,
      std::vector<Hole> holes = {});

  // What is missing, though the node had it once. In rising order; all of it is cached, for nothing but its place.
  const std::vector<Hole>& holes() const { return holes_; }
  bool is_missing(LogIndex index) const;
  // Whether the term of the entry is what term_at says; else that is the least which it can be.
  bool knows_term(LogIndex index) const;
  // Whether this may be the entry that is missing there, as far as its term tells. Of a hole of unknown terms that is
  // said of the first entry only: they are filled in order.
  bool may_be_missing(const Entry& entry) const;
  // Whether this is, or was, the log's entry there, as far as the terms tell.
  bool may_hold(EntryId entry) const;
  // `entry` is what was missing there. may_be_missing(entry).
  void fill(Entry entry);

  // The entry before the first one that there is; {0, 0}: nothing has been replaced yet.
  EntryId base() const { return base_; }

  LogIndex last_index() const { return last_index_; }
  Term last_term() const { return term_at(last_index_); }
  // base().index <= `index` <= last_index().
  Term term_at(LogIndex index) const;
  // The log holds an entry of this name, or that is its base; by the Log Matching property, all before it are the same
  // too (section 5.3). Of what lies before the base nothing is known.
  bool matches(LogIndex index, Term term) const;
  // The first index that is known of the run that `index` belongs to.
  LogIndex first_index_of_run(LogIndex index) const;
  // The last index behind the base whose term is at most `term`, or else the base's; and not beyond `limit`.
  LogIndex last_index_at_most(Term term, LogIndex limit) const;

  // `entry.index` == last_index() + 1 and its term is not below last_term().
  void append(Entry entry);
  // Removes everything behind `last` >= base().index, whose term is known.
  void truncate_after(LogIndex last);
  // Forgets everything up to `index`, the new base: base().index <= index <= last_index(), before any hole.
  void compact(LogIndex index);
  // The same, missing entries included. may_hold(entry).
  void stand_on(EntryId entry);
  // Forgets everything; the log goes on behind `base`.
  void restart(EntryId base);

  // The first index that is in memory (last_index() + 1 when none is).
  LogIndex first_cached() const { return LogIndex(last_index_.value + 1 - cache_.size()); }
  // `index` >= first_cached() and <= last_index().
  const Entry& entry(LogIndex index) const;
  // Entries from `first` (cached), as many as `max_bytes` hold, but at least one when there is one.
  std::vector<Entry> slice(LogIndex first, LogIndex last, std::size_t max_bytes) const;
  // Forgets the oldest entries up to `up_to` while more than `max_bytes` of bodies are kept.
  void evict(LogIndex up_to, std::size_t max_bytes);

 private:
  std::vector<Hole>::const_iterator hole_of(LogIndex index) const;
  void set_term(LogIndex index, Term term);
  void shrink_hole(LogIndex filled);

  EntryId base_;
  std::vector<TermRun> runs_;  // of the entries behind the base
  LogIndex last_index_;
  std::vector<Hole> holes_;
  std::deque<Entry> cache_;
  std::size_t cached_bytes_ = 0;
};

}  // namespace strata::raft
