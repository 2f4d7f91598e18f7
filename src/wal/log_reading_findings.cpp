#include <algorithm>
#include <utility>

#include "wal/log_reading.hpp"

namespace strata::wal {

void report(Inspection& found, InspectionVisitor& visitor, const Finding& finding) {
  const bool is_note = finding.verdict == Verdict::torn || finding.verdict == Verdict::repaired;
  found.findings += is_note ? 0 : 1;
  visitor.on_finding(finding);
}

void LogReading::note(const Finding& finding) {
  visitor_.on_damage(finding);
  noted_.push_back(finding);
}

// Of the segment that was read. Behind the end of the log there may have been more of it; everything before it is
// told by the records that are missing.
void LogReading::note_unreadable(bool last) {
  for (const auto& [begin, stretch] : reading_->unreadable()) {
    Finding finding = finding_here(Verdict::damaged, stretch.end - begin, stretch.reason);
    finding.offset = begin;
    if (last && stretch.end > end_.offset) {
      finding.first = last_.index.next();
    }
    note(finding);
  }
}

bool LogReading::is_repaired(const Finding& finding, LogIndex index) const {
  const auto repair = repairs_.find(index);
  return repair != repairs_.end() && repair->second > finding.position;
}

// Neither a snapshot nor a later record has taken the place of the entry that was damaged there.
bool LogReading::is_missing(const Finding& finding, LogIndex index) const {
  return index > found_.snapshot().index && !is_repaired(finding, index) &&
         found_.current.holds(finding.position, index);
}

void LogReading::report_all() {
  for (Finding& finding : std::exchange(noted_, {})) {
    bool missing = finding.verdict != Verdict::damaged || finding.first == LogIndex(0) || finding.last == LogIndex(0);
    bool repaired = false;
    for (LogIndex index = finding.first; !missing && index <= finding.last; index = index.next()) {
      missing = is_missing(finding, index);
      repaired = repaired || is_repaired(finding, index);
    }
    if (repaired && !missing) {
      finding.verdict = Verdict::repaired;
    }
    report(found_, visitor_, finding);
  }
}

Finding LogReading::finding_here(Verdict verdict, std::uint64_t length, std::string reason) const {
  Finding finding;
  finding.verdict = verdict;
  finding.file = file_;
  finding.offset = end_.offset;
  finding.length = length;
  finding.position = end_;
  finding.reason = std::move(reason);
  return finding;
}

// The log is known again: it holds the entry `known`, and what could not be read ended with entry `last`. When the
// entry before and `known` are of one term, they come from the log of one leader, which holds both: by Log Matching
// nothing before was overridden in between. Else only what was committed cannot have been.
void LogReading::settle(EntryId known, LogIndex last) {
  const bool one_leader = known.term == last_.term && known.index >= last_.index;
  const LogIndex first = (one_leader ? last_.index : std::min(commit_index_, last_.index)).next();
  for (Finding& finding : std::exchange(unsettled_, {})) {
    if (first <= last) {
      finding.first = first;
      finding.last = last;
      finding.term = one_leader ? known.term : Term(0);
    }
    note(finding);
  }
}

// Whatever it was, it does not hold any more.
void LogReading::settle_nothing() {
  for (const Finding& finding : std::exchange(unsettled_, {})) {
    note(finding);
  }
}

// Nothing comes that could tell how far it went.
void LogReading::settle_unknown() {
  for (Finding& finding : std::exchange(unsettled_, {})) {
    finding.first = std::min(commit_index_, last_.index).next();
    note(finding);
  }
}

}  // namespace strata::wal
