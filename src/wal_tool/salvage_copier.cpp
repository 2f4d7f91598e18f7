#include "wal_tool/salvage_copier.hpp"

#include <algorithm>

namespace strata::wal_tool {

namespace {

constexpr std::size_t write_at_once = 1 << 20;

}  // namespace

void Copier::on_record(const wal::Segment& segment, const wal::Record& record) {
  const wal::RecordHeader& header = record.header;
  const bool wanted = header.index > found_.snapshot().index && found_.current.holds(header.position, header.index);
  if (!done_ || !wanted || header.type == wal::RecordType::restart) {
    return;
  }
  if (header.type == wal::RecordType::repair) {
    if (is_beyond_end(header)) {
      done_ = left_out_.add(segment, record);
    }
    return;
  }
  take_repairs();
  if (header.index != expected() || (end_ && header.index >= *end_)) {
    done_ = left_out_.add(segment, record);
    return;
  }
  add(record.entry);
}

// A repair that holds, of an entry that does not go into the log.
bool Copier::is_beyond_end(const wal::RecordHeader& header) const {
  const auto repair = repairs_.find(header.index);
  return repair != repairs_.end() && repair->second.position == header.position && end_ && header.index >= *end_;
}

Result<void> Copier::finish() {
  take_repairs();
  flush();
  return done_;
}

// As far as they come next.
void Copier::take_repairs() {
  for (auto repair = repairs_.find(expected()); done_ && repair != repairs_.end(); repair = repairs_.find(expected())) {
    if (end_ && repair->first >= *end_) {
      return;
    }
    add(repair->second.entry);
  }
}

void Copier::add(const Entry& entry) {
  batch_.push_back(entry);
  bytes_ += entry.body.size();
  if (bytes_ >= write_at_once) {
    flush();
  }
}

// What was committed and is not there is not said to be committed.
void Copier::flush() {
  if (!done_ || batch_.empty()) {
    return;
  }
  const LogIndex last = log_.last_index() + batch_.size();
  const wal::Marks marks{{}, std::min(found_.commit_index, last)};
  const Result<wal::SyncTarget> target = log_.append(batch_, marks);
  done_ = target ? target->sync() : Result<void>(target.error());
  batch_.clear();
  bytes_ = 0;
}

}  // namespace strata::wal_tool
