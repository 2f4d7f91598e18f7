#include <fmt/format.h>

#include <cstdio>

#include "wal_tool/commands.hpp"
#include "wal_tool/finding_lines.hpp"

namespace strata::wal_tool {

namespace {

class Printer final : public wal::InspectionVisitor {
 public:
  explicit Printer(bool json) : json_(json) {}
  void on_finding(const wal::Finding& finding) override {
    fmt::print("{}\n", json_ ? finding_json(finding) : finding_text(finding));
  }

 private:
  bool json_;
};

}  // namespace

int verify(wal::ReadOnlyFiles& files, const Options& options) {
  if (!is_stopped(files, options.directory)) {
    return 1;
  }
  Printer printer(options.json);
  const Result<wal::Inspection> found = wal::inspect(files, options.directory, printer);
  if (!found) {
    complain(found.error().text);
    return 1;
  }
  if (!is_stopped(files, options.directory)) {
    return 1;  // it was started meanwhile: what was read is worth nothing
  }
  fmt::print("{}", options.json ? summary_json(*found) + "\n" : summary_text(*found));
  return found->findings == 0 ? 0 : 1;
}

}  // namespace strata::wal_tool
