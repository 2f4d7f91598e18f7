#include "wal_tool/salvage_survey.hpp"

#include <algorithm>
#include <utility>

#include "wal_tool/finding_lines.hpp"

namespace strata::wal_tool {

namespace {

constexpr std::uint64_t least_segment_size = 64 << 10;
constexpr std::uint64_t most_segment_size = 64 << 20;

}  // namespace

void Survey::on_record(const wal::Segment& segment, const wal::Record& record) {
  segment_size_ = std::max<std::uint64_t>(segment_size_, segment.head.size);
  if (record.header.type == wal::RecordType::repair) {
    repairs_.insert_or_assign(record.header.index, Repair{record.header.position, record.entry});
  }
}

void Survey::on_finding(const wal::Finding& finding) {
  complain(finding_text(finding));
  const bool is_note = finding.verdict == wal::Verdict::torn || finding.verdict == wal::Verdict::repaired;
  if (!is_note && finding.first > LogIndex(0)) {
    damages_.push_back({finding.position, finding.first, finding.last});
  }
  if (finding.verdict == wal::Verdict::refused && finding.file == wal::MetadataFile::name) {
    has_newer_metadata_ = true;
  }
  if (const std::optional<LogIndex> snapshot = wal::snapshot_index(finding.file)) {
    lost_snapshot_ = std::max(lost_snapshot_, *snapshot);
  }
}

std::uint64_t Survey::segment_size() const {
  return std::clamp(segment_size_, least_segment_size, most_segment_size);
}

std::optional<LogIndex> Survey::first_damaged(const wal::Inspection& found, LogIndex base) const {
  std::optional<LogIndex> least;
  for (const Damage& damage : damages_) {
    LogIndex first = std::max(damage.first, base.next());
    const bool open = damage.last == LogIndex(0);
    while (!open && first <= damage.last && repairs_.contains(first)) {
      first = first.next();
    }
    if ((open || first <= damage.last) && found.current.holds(damage.position, first)) {
      least = std::min(least.value_or(first), first);
    }
  }
  return least;
}

// A log that seems to end before the snapshot may have gone on in what cannot be read.
bool Survey::is_end_unknown(const wal::Inspection& found) const {
  return std::ranges::any_of(damages_, [&found](const Damage& damage) {
    const bool holds = found.superseded || found.current.holds(damage.position, damage.first);
    return damage.last == LogIndex(0) && holds;
  });
}

Repairs Survey::take_repairs(const wal::Inspection& found) {
  std::erase_if(repairs_,
                [&](const auto& repair) { return !found.current.holds(repair.second.position, repair.first); });
  return std::move(repairs_);
}

}  // namespace strata::wal_tool
