#include "wal/holed_log.hpp"

#include <algorithm>
#include <iterator>

namespace strata::wal {

void HoledLog::begin_behind(EntryId base, bool term_known) {
  slots_.clear();
  first_ = base.index.next();
  base_term_ = term_known ? std::optional(base.term) : std::nullopt;
}

// What was read behind `last` is gone, what was not read up to it is missing.
void HoledLog::keep_up_to(LogIndex last) {
  slots_.resize(last - (first_ - 1));
}

void HoledLog::on_record(const Segment&, const Record& record) {
  const RecordHeader& header = record.header;
  if (header.type == RecordType::restart) {
    begin_behind({header.index, header.term}, true);
  } else if (header.type == RecordType::repair) {
    const bool within = header.index >= first_ && header.index <= last_index();
    if (within && is_missing(slot(header.index))) {
      slot(header.index) = {header.position, header.term, true};
    }
  } else {
    if (header.index < first_) {
      begin_behind({header.index - 1, Term()}, false);  // the entries between were in segments that are gone
    }
    keep_up_to(header.index - 1);
    slots_.push_back({header.position, header.term, false});
  }
}

void HoledLog::on_damage(const Finding& finding) {
  if (finding.verdict != Verdict::damaged || finding.first == LogIndex(0)) {
    return;
  }
  if (finding.last == LogIndex(0)) {
    end_unknown_ = true;
    keep_up_to(std::max(std::min(finding.first - 1, last_index()), first_ - 1));
    return;
  }
  for (LogIndex index = std::max(finding.first, first_); index <= finding.last; index = index.next()) {
    if (index > last_index()) {
      keep_up_to(index);
    }
    slot(index) = {{}, finding.term, false};
  }
}

void HoledLog::on_known_end(EntryId last) {
  if (!begun_ || last.index < first_ - 1) {
    begun_ = true;
    begin_behind(last, true);
    return;
  }
  keep_up_to(last.index);
  if (!slots_.empty() && slots_.back().term != last.term) {
    slots_.back() = {{}, last.term, false};
  }
}

void HoledLog::drop_up_to(LogIndex index) {
  slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(index - (first_ - 1)));
  first_ = index.next();
}

bool HoledLog::join(EntryId snapshot) {
  if (first_ - 1 > snapshot.index) {
    const LogIndex before_first = first_ - 1;
    slots_.insert(slots_.begin(), before_first - snapshot.index, Slot{});
    first_ = snapshot.index.next();
    slot(before_first).term = base_term_.value_or(Term());
    base_term_ = snapshot.term;
  }
  bool joined = snapshot.index <= last_index();
  if (joined && snapshot.index > first_ - 1) {
    joined = may_hold(snapshot);
  } else if (joined) {
    joined = base_term_.value_or(snapshot.term) == snapshot.term;
  }
  if (!joined) {
    begin_behind(snapshot, true);
    return false;
  }
  const auto missing = std::ranges::find_if(slots_, is_missing);
  const bool hole_in_snapshot = missing < slots_.begin() + static_cast<std::ptrdiff_t>(snapshot.index - (first_ - 1));
  if (hole_in_snapshot || !base_term_) {
    drop_up_to(snapshot.index);
  }
  if (snapshot.index == first_ - 1) {
    base_term_ = snapshot.term;
  }
  infer_terms();
  return true;
}

// As far as the terms tell, which never fall. The entry lies behind the base.
bool HoledLog::may_hold(EntryId entry) const {
  const auto is_known = [](const Slot& slot) { return slot.term != Term(); };
  const auto at = slots_.begin() + static_cast<std::ptrdiff_t>(entry.index - first_);
  if (is_known(*at)) {
    return at->term == entry.term;
  }
  const auto below = std::find_if(std::make_reverse_iterator(at), slots_.rend(), is_known);
  const auto above = std::find_if(at, slots_.end(), is_known);
  const Term least = below == slots_.rend() ? base_term_.value_or(Term()) : below->term;
  return entry.term >= least && (above == slots_.end() || entry.term <= above->term);
}

// Terms never fall: between two entries of one term all are of that term. Of others only the least that each can have
// is known.
void HoledLog::infer_terms() {
  const auto is_known = [](const Slot& slot) { return slot.term != Term(); };
  Term below = *base_term_;
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    if (is_known(*slot)) {
      below = slot->term;
      ++slot;
      continue;
    }
    const auto next = std::find_if(slot, slots_.end(), is_known);
    if (next != slots_.end() && next->term == below) {
      std::for_each(slot, next, [below](Slot& unknown) { unknown.term = below; });
    }
    slot = next;
  }
}

std::vector<Hole> HoledLog::holes() const {
  std::vector<Hole> holes;
  LogIndex index = first_;
  for (const Slot& slot : slots_) {
    const bool known = slot.term != Term();
    if (is_missing(slot)) {
      const bool goes_on = !holes.empty() && holes.back().last.next() == index && holes.back().terms_known == known;
      if (goes_on) {
        holes.back().last = index;
      } else {
        holes.push_back({index, index, known});
      }
    }
    index = index.next();
  }
  return holes;
}

std::vector<TermRun> HoledLog::term_runs() const {
  std::vector<TermRun> runs;
  Term term = *base_term_;
  LogIndex index = first_;
  for (const Slot& slot : slots_) {
    const Term own = std::max(slot.term, term);
    if (runs.empty() || own != term) {
      runs.push_back({own, index});
    }
    term = own;
    index = index.next();
  }
  return runs;
}

std::deque<Position> HoledLog::positions() const {
  std::deque<Position> positions;
  for (const Slot& slot : slots_) {
    positions.push_back(slot.position);
  }
  return positions;
}

std::set<LogIndex> HoledLog::repaired() const {
  std::set<LogIndex> repaired;
  LogIndex index = first_;
  for (const Slot& slot : slots_) {
    if (slot.repaired) {
      repaired.insert(index);
    }
    index = index.next();
  }
  return repaired;
}

}  // namespace strata::wal
