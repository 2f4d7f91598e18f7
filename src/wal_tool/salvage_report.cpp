#include <fmt/format.h>

#include <cstdio>

#include "wal_tool/commands.hpp"
#include "wal_tool/finding_lines.hpp"
#include "wal_tool/salvage.hpp"

namespace strata::wal_tool {

namespace {

std::string content_text(const Options& options, const Salvaged& salvaged) {
  const LogIndex base = salvaged.found.snapshot().index;
  std::string text = options.out + ": ";
  if (!salvaged.found.snapshots.empty()) {
    text += fmt::format("the snapshot up to index {}, ", base);
  }
  return text + (salvaged.last_index > base ? fmt::format("entries {} to {}\n", base.next(), salvaged.last_index)
                                            : fmt::format("no entries behind index {}\n", salvaged.last_index));
}

std::string left_out_text(const Salvaged& salvaged) {
  const LogIndex first = salvaged.last_index.next();
  if (salvaged.end_unknown) {
    return fmt::format("left out: from {} on; how many there were cannot be told\n", first);
  }
  if (salvaged.last_index < salvaged.found.last_index) {
    return fmt::format("left out: {} to {}, from the first that is damaged or missing\n", first,
                       salvaged.found.last_index);
  }
  return "";
}

}  // namespace

std::string salvaged_text(const Options& options, const Salvaged& salvaged) {
  const wal::Inspection& found = salvaged.found;
  std::string text = content_text(options, salvaged);
  text += left_out_text(salvaged);
  if (salvaged.beside > 0) {
    text += fmt::format("{} of them can be read: {}\n", salvaged.beside, left_out_path(options));
  }
  if (salvaged.lost_snapshot > salvaged.last_index) {
    text +=
        fmt::format("left out: what the snapshot up to index {} held, which cannot be read\n", salvaged.lost_snapshot);
  }
  if (found.torn_bytes > 0) {
    text += fmt::format("left out: {} torn bytes at the end of the log\n", found.torn_bytes);
  }
  if (!found.metadata) {
    text += options.new_vote ? "term and vote were unreadable: a new term was begun\n"
                             : "term and vote are unreadable, so a node refuses the directory; --new-vote begins a "
                               "new term, which is safe in a cluster of one only\n";
  }
  if (salvaged.is_less()) {
    text += "A member of a cluster must not come back with this: what is left out may have been acknowledged.\n";
  }
  if (salvaged.is_less() && (found.metadata || options.new_vote)) {
    text += "A node that opens it is recovering, until it knows better.\n";
  }
  return text;
}

int salvage(wal::FileSystem& files, const Options& options) {
  if (!is_stopped(files, options.directory)) {
    return 1;
  }
  const Result<Salvaged> salvaged = write_salvaged(files, options);
  if (!salvaged) {
    complain(salvaged.error().text);
    return 1;
  }
  fmt::print("{}", salvaged_text(options, *salvaged));
  return 0;
}

}  // namespace strata::wal_tool
