// The second reading of a salvage: entries into the log of OUT as long as none is missing, all others beside it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/entry.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/inspection.hpp"
#include "wal/log.hpp"
#include "wal_tool/left_out.hpp"
#include "wal_tool/salvage_survey.hpp"

namespace strata::wal_tool {

class Copier final : public wal::InspectionVisitor {
 public:
  // `end`: the first entry that does not go into the log. Everything outlives the copier.
  Copier(const wal::Inspection& found, const Repairs& repairs, std::optional<LogIndex> end, wal::Log& log,
         LeftOut& left_out)
      : found_(found), repairs_(repairs), end_(end), log_(log), left_out_(left_out) {}

  void on_record(const wal::Segment& segment, const wal::Record& record) override;
  // Once all was read. What is in the log then is on stable storage.
  Result<void> finish();

 private:
  LogIndex expected() const { return log_.last_index() + batch_.size() + 1; }
  bool is_beyond_end(const wal::RecordHeader& header) const;
  void take_repairs();
  void add(const Entry& entry);
  void flush();

  const wal::Inspection& found_;
  const Repairs& repairs_;
  std::optional<LogIndex> end_;
  wal::Log& log_;
  LeftOut& left_out_;
  std::vector<Entry> batch_;
  std::size_t bytes_ = 0;
  Result<void> done_;
};

}  // namespace strata::wal_tool
