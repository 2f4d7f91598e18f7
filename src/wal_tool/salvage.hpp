// What can be read of a data directory, as a new one for the same node. The command is in commands.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"
#include "wal/inspection.hpp"
#include "wal_tool/commands.hpp"

namespace strata::wal_tool {

struct Salvaged {
  wal::Inspection found;                  // in options.directory
  LogIndex last_index;                    // in OUT
  std::optional<LogIndex> first_damaged;  // from here on nothing went into OUT
  bool end_unknown = false;               // nothing says how many entries there were
  LogIndex lost_snapshot;                 // up to which the newest one that cannot be read reached; 0: all can be
  std::uint64_t beside = 0;               // readable entries behind it: in the file left_out_path names

  // Something that the node may have acknowledged, or promised, is not in OUT. What is torn counts: whether anybody
  // was told of it depends on how the process ended, and only the run directory knows that.
  bool is_less() const;
};

std::string left_out_path(const Options& options);

// Reads options.directory, which stays as it is, and writes options.out; findings go to standard error. On an error OUT
// has no metadata file, so that no node takes it. When something is missing (is_less), the metadata says that the node
// is recovering. Errors: invalid when OUT lies in the directory or is not new; damaged
// when nothing says whose log it is; mismatch when a newer version of Strata wrote term and vote; in_use when a node
// was started in the directory meanwhile; io; those of wal::inspect and wal::Log::open.
Result<Salvaged> write_salvaged(wal::FileSystem& files, const Options& options);

// Some lines: what is in OUT, and what is not.
std::string salvaged_text(const Options& options, const Salvaged& salvaged);

}  // namespace strata::wal_tool
