#include "crash/history.hpp"

#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::crash {

std::optional<Term> LogContent::term_at(LogIndex index) const {
  if (index < base.index || index > last_index()) {
    return std::nullopt;
  }
  return index == base.index ? base.term : entries[index - base.index - 1].term;
}

History::History(const Story& story) {
  for (const Step& step : story.steps) {
    if (const auto* append = std::get_if<Append>(&step)) {
      add(*append);
    } else if (const auto* taken = std::get_if<TakeSnapshot>(&step)) {
      snapshots_.push_back(taken->last_included);
    } else if (const auto* install = std::get_if<InstallSnapshot>(&step)) {
      add(*install);
    }
  }
}

void History::add(const Append& append) {
  for (const Entry& entry : append.entries) {
    LogContent content = contents_.back();
    content.entries.resize(entry.index - content.base.index - 1);
    content.entries.push_back(entry);
    contents_.push_back(std::move(content));
    place(entry.body.size(), {entry.index, entry.term});
  }
}

void History::add(const InstallSnapshot& install) {
  snapshots_.push_back(install.last_included);
  contents_.push_back({install.last_included, {}});
  place(0, install.last_included);
}

void History::place(std::uint64_t body_size, EntryId entry) {
  const auto size = static_cast<std::uint32_t>(wal::record_size(body_size));
  const wal::Position start = place_behind(end_after(records_.size()), size);
  records_.push_back({start, {start.segment, start.offset + size}, entry});
}

wal::Position History::end_after(std::size_t records) const {
  return records == 0 ? wal::Position{1, wal::segment_head_size} : records_[records - 1].end;
}

wal::Position History::place_behind(wal::Position end, std::uint32_t size) {
  return end.offset + size <= segment_size ? end : wal::Position{end.segment + 1, wal::segment_head_size};
}

}  // namespace strata::crash
