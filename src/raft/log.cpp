#include "raft/log.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "base/assert.hpp"

namespace strata::raft {

Log::Log(EntryId base, std::vector<TermRun> runs, LogIndex last_index, std::vector<Entry> tail, std::vector<Hole> holes)
    : base_(base), runs_(std::move(runs)), last_index_(last_index), holes_(std::move(holes)) {
  STRATA_ASSERT(base.index <= last_index && runs_.empty() == (last_index == base.index));
  STRATA_ASSERT(runs_.empty() || (runs_.front().first == base.index.next() && runs_.back().first <= last_index));
  STRATA_ASSERT(runs_.empty() || runs_.front().term >= base.term);
  STRATA_ASSERT(std::ranges::is_sorted(runs_, std::ranges::less_equal(), &TermRun::term));
  STRATA_ASSERT(std::ranges::is_sorted(runs_, std::ranges::less_equal(), &TermRun::first));
  STRATA_ASSERT(tail.size() <= last_index - base.index);
  STRATA_ASSERT(std::ranges::is_sorted(holes_, std::ranges::less_equal(), &Hole::first));
  STRATA_ASSERT(holes_.empty() ||
                (holes_.front().first > last_index - tail.size() && holes_.back().last <= last_index));
  LogIndex next = last_index + 1 - tail.size();
  for (Entry& entry : tail) {
    STRATA_ASSERT(is_missing(next) || (entry.index == next && entry.term == term_at(next)));
    next = next.next();
    cached_bytes_ += entry.body.size();
    cache_.push_back(std::move(entry));
  }
}

// The run that holds `index`, which lies behind the base.
static std::vector<TermRun>::const_iterator run_of(const std::vector<TermRun>& runs, LogIndex index) {
  if (runs.back().first <= index) {  // nearly always
    return std::prev(runs.end());
  }
  return std::prev(std::ranges::upper_bound(runs, index, {}, &TermRun::first));
}

Term Log::term_at(LogIndex index) const {
  STRATA_ASSERT(index >= base_.index && index <= last_index_);
  return index == base_.index ? base_.term : run_of(runs_, index)->term;
}

bool Log::matches(LogIndex index, Term term) const {
  return index >= base_.index && index <= last_index_ && term_at(index) == term && knows_term(index);
}

std::vector<Hole>::const_iterator Log::hole_of(LogIndex index) const {
  const auto behind = std::ranges::upper_bound(holes_, index, {}, &Hole::first);
  return behind != holes_.begin() && std::prev(behind)->last >= index ? std::prev(behind) : holes_.end();
}

bool Log::is_missing(LogIndex index) const {
  return !holes_.empty() && hole_of(index) != holes_.end();
}

bool Log::knows_term(LogIndex index) const {
  return holes_.empty() || hole_of(index) == holes_.end() || hole_of(index)->terms_known;
}

bool Log::may_be_missing(const Entry& entry) const {
  const auto hole = hole_of(entry.index);
  if (hole == holes_.end()) {
    return false;
  }
  return (hole->terms_known || entry.index == hole->first) && may_hold({entry.index, entry.term});
}

// Terms never fall.
bool Log::may_hold(EntryId entry) const {
  if (entry.index < base_.index || entry.index > last_index_) {
    return false;
  }
  if (knows_term(entry.index)) {
    return entry.term == term_at(entry.index);
  }
  const auto above = std::ranges::upper_bound(runs_, entry.index, {}, &TermRun::first);
  return entry.term >= term_at(entry.index) && (above == runs_.end() || entry.term <= above->term);
}

void Log::fill(Entry entry) {
  STRATA_ASSERT(may_be_missing(entry));
  set_term(entry.index, entry.term);
  shrink_hole(entry.index);
  Entry& place = cache_[entry.index - first_cached()];
  cached_bytes_ += entry.body.size() - place.body.size();
  place = std::move(entry);
}

// From `index` on the terms are at least `term`, as far as they are not known.
void Log::set_term(LogIndex index, Term term) {
  const auto above = std::ranges::upper_bound(runs_, index, {}, &TermRun::first);
  const auto run = std::prev(above);
  if (run->term == term) {
    return;
  }
  const bool joins_next = above != runs_.end() && above->term == term;
  if (joins_next) {
    above->first = index;
  }
  if (run->first < index && !joins_next) {
    runs_.insert(above, {term, index});
  } else if (run->first == index && joins_next) {
    runs_.erase(run);
  } else if (run->first == index) {
    run->term = term;
  }
}

void Log::shrink_hole(LogIndex filled) {
  const auto hole = holes_.begin() + (hole_of(filled) - holes_.cbegin());
  if (hole->first == filled && hole->last == filled) {
    holes_.erase(hole);
  } else if (hole->first == filled) {
    hole->first = filled.next();
  } else if (hole->last == filled) {
    hole->last = filled - 1;
  } else {
    const Hole behind{filled.next(), hole->last, hole->terms_known};
    hole->last = filled - 1;
    holes_.insert(std::next(hole), behind);
  }
}

LogIndex Log::first_index_of_run(LogIndex index) const {
  STRATA_ASSERT(index >= base_.index && index <= last_index_);
  return index == base_.index ? index : run_of(runs_, index)->first;
}

LogIndex Log::last_index_at_most(Term term, LogIndex limit) const {
  const auto later = std::ranges::upper_bound(runs_, term, {}, &TermRun::term);
  const LogIndex last = later == runs_.end() ? last_index_ : later->first - 1;
  return std::min(last, limit);
}

void Log::append(Entry entry) {
  STRATA_ASSERT(entry.index == last_index_.next());
  STRATA_ASSERT(entry.term >= last_term());
  if (runs_.empty() || entry.term != last_term()) {
    runs_.push_back({entry.term, entry.index});
  }
  last_index_ = entry.index;
  cached_bytes_ += entry.body.size();
  cache_.push_back(std::move(entry));
}

void Log::truncate_after(LogIndex last) {
  STRATA_ASSERT(last >= base_.index && last <= last_index_);
  while (!cache_.empty() && cache_.back().index > last) {
    cached_bytes_ -= cache_.back().body.size();
    cache_.pop_back();
  }
  while (!runs_.empty() && runs_.back().first > last) {
    runs_.pop_back();
  }
  while (!holes_.empty() && holes_.back().first > last) {
    holes_.pop_back();
  }
  if (!holes_.empty()) {
    holes_.back().last = std::min(holes_.back().last, last);
  }
  last_index_ = last;
}

void Log::compact(LogIndex index) {
  STRATA_ASSERT(holes_.empty() || index < holes_.front().first);
  base_ = {index, term_at(index)};
  while (!cache_.empty() && cache_.front().index <= index) {
    cached_bytes_ -= cache_.front().body.size();
    cache_.pop_front();
  }
  const auto first_kept = std::ranges::upper_bound(runs_, index.next(), {}, &TermRun::first);
  if (index == last_index_) {
    runs_.clear();
  } else {
    runs_.erase(runs_.begin(), std::prev(first_kept));
    runs_.front().first = index.next();
  }
}

void Log::stand_on(EntryId entry) {
  STRATA_ASSERT(may_hold(entry));
  const LogIndex index = entry.index;
  if (!knows_term(index)) {
    set_term(index, entry.term);
  }
  std::erase_if(holes_, [index](const Hole& hole) { return hole.last <= index; });
  if (!holes_.empty()) {
    holes_.front().first = std::max(holes_.front().first, index.next());
  }
  compact(index);
}

void Log::restart(EntryId base) {
  base_ = base;
  runs_.clear();
  holes_.clear();
  cache_.clear();
  cached_bytes_ = 0;
  last_index_ = base.index;
}

const Entry& Log::entry(LogIndex index) const {
  STRATA_ASSERT(index >= first_cached() && index <= last_index_);
  return cache_[index - first_cached()];
}

std::vector<Entry> Log::slice(LogIndex first, LogIndex last, std::size_t max_bytes) const {
  STRATA_ASSERT(first >= first_cached() && last <= last_index_);
  const auto begin = cache_.begin() + static_cast<std::ptrdiff_t>(first - first_cached());
  const auto limit = cache_.begin() + static_cast<std::ptrdiff_t>(last + 1 - first_cached());
  auto end = begin;
  for (std::size_t bytes = 0; end < limit; ++end) {
    bytes += end->body.size();
    if (bytes > max_bytes && end != begin) {
      break;
    }
  }
  return begin < end ? std::vector<Entry>(begin, end) : std::vector<Entry>();
}

void Log::evict(LogIndex up_to, std::size_t max_bytes) {
  while (cached_bytes_ > max_bytes && !cache_.empty() && cache_.front().index <= up_to) {
    cached_bytes_ -= cache_.front().body.size();
    cache_.pop_front();
  }
}

}  // namespace strata::raft
