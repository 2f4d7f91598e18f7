// One setting of kv-node: its name and help, how its value is read into Options and written back. The table of all of
// them (settings.cpp) is the one place that knows a flag.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "node/options.hpp"

namespace strata::node {

struct Setting {
  std::string name;      // of the flag, without the dashes; also the key in the file
  std::string argument;  // in --help
  std::string help;
  bool repeatable = false;
  // All values given by one source, in order. The error says what would be right; the caller names the setting.
  std::function<Result<void>(Options&, const std::vector<std::string>&)> read;
  std::function<std::string(const Options&)> write;
};

const std::vector<Setting>& settings();

// What no single setting can see: relations between them. The error names the flags.
Result<void> check(const Options& options);

}  // namespace strata::node
