// The configuration file of kv-node: lines `key = value` with the flags' names, `#` begins a comment, blank lines are
// fine. A repeatable flag may stand in several lines. A value may be put in double quotes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace strata::node {

// Errors: not_found or io (it cannot be read), invalid (an unknown key, a line without `=`, a key given twice): the
// text names file and line.
Result<std::map<std::string, std::vector<std::string>>> read_config_file(const std::string& path);

}  // namespace strata::node
