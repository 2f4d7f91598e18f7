// What is left of a damaged log: where the record of each entry stands, which are missing, and what is known of their
// terms. Put together from an inspection of it (wal/inspection.hpp). For the recovery alone.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "wal/inspection.hpp"
#include "wal/log.hpp"

namespace strata::wal {

class HoledLog final : public InspectionVisitor {
 public:
  void on_record(const Segment& segment, const Record& record) override;
  void on_damage(const Finding& finding) override;
  void on_finding(const Finding& finding) override { findings_.push_back(finding); }
  void on_known_end(EntryId last) override;

  // Joins it with the newest snapshot, once all was read: what the snapshot holds is not missing. False: the log does
  // not hold what the snapshot does, or it cannot be told; then it is empty behind it.
  bool join(EntryId snapshot);

  EntryId base() const { return {first_ - 1, *base_term_}; }
  LogIndex last_index() const { return first_ + slots_.size() - 1; }
  Term last_term() const { return slots_.empty() ? *base_term_ : slots_.back().term; }
  // After join: of the entries behind base().
  std::vector<Hole> holes() const;
  std::vector<TermRun> term_runs() const;
  std::deque<Position> positions() const;
  // Those that a repair holds.
  std::set<LogIndex> repaired() const;
  // What could not be read at the end may have held more.
  bool end_unknown() const { return end_unknown_; }
  const std::vector<Finding>& findings() const { return findings_; }

 private:
  struct Slot {
    Position position;  // {0, 0}: missing
    Term term;          // 0: not known
    bool repaired = false;
  };
  static bool is_missing(const Slot& slot) { return slot.position == Position{}; }
  Slot& slot(LogIndex index) { return slots_[index - first_]; }
  void begin_behind(EntryId base, bool term_known);
  void keep_up_to(LogIndex last);
  void drop_up_to(LogIndex index);
  void infer_terms();
  bool may_hold(EntryId entry) const;

  LogIndex first_{1};
  std::optional<Term> base_term_;
  std::deque<Slot> slots_;
  bool begun_ = false;
  bool end_unknown_ = false;
  std::vector<Finding> findings_;
};

}  // namespace strata::wal
