// The commands of kv-wal. Each prints what was asked for to standard output, talk to standard error, and returns the
// exit status: 0, or 1 when it could not be done, or the directory is damaged. To salvage is for damaged ones: there 0
// says that OUT was written, and what was left out is printed. Standard output that cannot be written is an exception,
// std::system_error, or a mark on the stream.
#pragma once

#include <cstdint>
#include <string>

#include "wal/file.hpp"

namespace strata::wal_tool {

struct Options {
  std::string directory;
  std::string out;         // salvage
  std::uint64_t from = 1;  // dump: the first index …
  std::uint64_t to = 0;    // … and the last; 0: all
  bool json = false;       // verify, dump
  bool values = false;     // dump
  bool new_vote = false;   // salvage
};

int verify(wal::ReadOnlyFiles& files, const Options& options);
int dump(wal::ReadOnlyFiles& files, const Options& options);
int salvage(wal::FileSystem& files, const Options& options);

}  // namespace strata::wal_tool
