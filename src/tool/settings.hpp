// Settings of a command-line tool: what the command line leaves open is looked up in the environment, then in a
// configuration file.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace strata::tool {

struct Flag {
  std::string name;  // "key-size" for --key-size
  bool takes_value = true;
  std::string default_value{};
};

struct Setting {
  std::string name;
  std::string value;
  std::string source;  // "flag", "environment", the file's name, "default"
};

// A wrong setting; the text names it and says what would be right. Exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  std::vector<std::string> arguments;  // for the parser of the command line
  std::vector<Setting> settings;       // one for each flag
};

using Environment = const char* (*)(const char* name);

// Puts `--name=value` before the arguments for each flag that they leave out and that the environment (STRATA_NAME) or
// else the file of `--config FILE` (STRATA_CONFIG) has. Throws UsageError for a file that cannot be read or has a key
// that is no flag.
Settings complete(std::span<const std::string> arguments, std::span<const Flag> flags, Environment environment);

// "name = value    # source", a line each.
std::string describe(std::span<const Setting> settings);

// At the commas; empty parts are left out.
std::vector<std::string> split_list(std::string_view text);

}  // namespace strata::tool
