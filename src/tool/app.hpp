// What the command-line tools share in their use of CLI11 (include it in one source file of a program: it is large).
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "tool/settings.hpp"

namespace strata::tool {

inline std::vector<Flag> flags_of(const CLI::App& app) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return !o->get_lnames().empty(); })) {
    const std::string& name = option->get_lnames().front();
    if (name != "help" && name != "version" && name != "config" && name != "check-config") {
      flags.push_back({name, option->get_items_expected_max() > 0, option->get_default_str()});
    }
  }
  return flags;
}

// Adds --config, --check-config and --version, parses, and says with what to exit when there is nothing more to do.
inline std::optional<int> parse_command_line(CLI::App& app, int count, char** arguments, const std::string& name) {
  std::string config;
  bool check_config = false;
  app.add_option("--config", config, "read flags from this file, 'key = value' a line")->type_name("FILE");
  app.add_flag("--check-config", check_config, "print every setting and where it came from, do nothing else");
  app.set_version_flag("--version", name + " " + STRATA_VERSION);
  try {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    const Settings settings =
        complete(given, flags_of(app), [](const char* key) -> const char* { return std::getenv(key); });
    // CLI11 wants them last first.
    app.parse(std::vector<std::string>(settings.arguments.rbegin(), settings.arguments.rend()));
    if (check_config) {
      fmt::print("{}", describe(settings.settings));
      return 0;
    }
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 2;
  }
}

// A flag of a type of ours, read by `parse` (text -> Result<T>).
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& flag, T& into, Parse parse, const std::string& default_text,
                        const std::string& what) {
  into = static_cast<T>(*parse(default_text));
  const auto read = [flag, &into, parse](const std::string& text) {
    const auto value = parse(text);
    if (!value) {
      throw CLI::ValidationError(flag, value.error().text);
    }
    into = static_cast<T>(*value);
  };
  return app.add_option_function<std::string>(flag, read, what)->default_str(default_text);
}

inline CLI::Option* add_duration(CLI::App& app, const std::string& flag, std::chrono::nanoseconds& into,
                                 const std::string& default_text, const std::string& what) {
  return add_parsed(app, flag, into, parse_duration, default_text, what)->type_name("DURATION");
}

inline CLI::Option* add_size(CLI::App& app, const std::string& flag, std::size_t& into, const std::string& default_text,
                             const std::string& what) {
  return add_parsed(app, flag, into, parse_size, default_text, what)->type_name("SIZE");
}

}  // namespace strata::tool
