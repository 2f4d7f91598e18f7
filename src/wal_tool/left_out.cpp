#include "wal_tool/left_out.hpp"

#include "wal/io.hpp"
#include "wal_tool/entry_lines.hpp"

namespace strata::wal_tool {

namespace {

constexpr std::size_t write_at_once = 1 << 20;

}  // namespace

Result<void> LeftOut::add(const wal::Segment& segment, const wal::Record& record) {
  lines_ += entry_json(segment, record, true) + "\n";
  ++count_;
  return lines_.size() >= write_at_once ? flush() : Result<void>();
}

Result<void> LeftOut::finish() {
  if (count_ == 0) {
    return {};
  }
  auto flushed = flush();
  return flushed ? file_->sync() : flushed;
}

Result<void> LeftOut::flush() {
  if (!file_) {
    Result<std::unique_ptr<wal::File>> created = files_.create(path_);
    if (!created) {
      return created.error();
    }
    file_ = std::move(*created);
  }
  auto written = wal::write_all(*file_, size_, lines_);
  size_ += lines_.size();
  lines_.clear();
  return written;
}

}  // namespace strata::wal_tool
