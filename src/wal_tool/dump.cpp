#include <fmt/format.h>

#include <cstdio>

#include "wal_tool/commands.hpp"
#include "wal_tool/entry_lines.hpp"
#include "wal_tool/finding_lines.hpp"

namespace strata::wal_tool {

namespace {

// The first time the log is read: which entries hold is known at its end.
class Complainer final : public wal::InspectionVisitor {
 public:
  void on_finding(const wal::Finding& finding) override { complain(finding_text(finding)); }
};

class EntryPrinter final : public wal::InspectionVisitor {
 public:
  EntryPrinter(const Options& options, const wal::Inspection& found) : options_(options), found_(found) {}

  void on_record(const wal::Segment& segment, const wal::Record& record) override {
    const wal::RecordHeader& header = record.header;
    const bool wanted = header.index.value >= options_.from && (options_.to == 0 || header.index.value <= options_.to);
    const bool is_entry = header.type == wal::RecordType::entry ||
                          (header.type == wal::RecordType::repair && header.index >= found_.first_index);
    if (wanted && is_entry && found_.current.holds(header.position, header.index)) {
      fmt::print("{}\n", options_.json ? entry_json(segment, record, options_.values) : entry_text(segment, record));
    }
  }

 private:
  const Options& options_;
  const wal::Inspection& found_;
};

}  // namespace

int dump(wal::ReadOnlyFiles& files, const Options& options) {
  if (!is_stopped(files, options.directory)) {
    return 1;
  }
  Complainer complainer;
  const Result<wal::Inspection> found = wal::inspect(files, options.directory, complainer);
  if (!found) {
    complain(found.error().text);
    return 1;
  }
  EntryPrinter printer(options, *found);
  if (const auto again = wal::inspect(files, options.directory, printer); !again) {
    complain(again.error().text);
    return 1;
  }
  return is_stopped(files, options.directory) && found->findings == 0 ? 0 : 1;
}

}  // namespace strata::wal_tool
