#include "node/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "node/config_file.hpp"
#include "node/setting.hpp"
#include "node/version.hpp"

namespace strata::node {

namespace {

using Values = std::vector<std::string>;

constexpr int usage_error = 2;

std::string variable_of(const Setting& setting) {
  std::string name = "STRATA_" + setting.name;
  std::ranges::replace(name, '-', '_');
  std::ranges::transform(name, name.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return name;
}

// What the flags say, before anything else is looked at.
struct Flags {
  std::map<std::string, Values> values;
  std::map<std::string, std::string> switches;  // of the flags without a value
  std::string config_file;
  bool check_config = false;
};

void declare(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", fmt::format("kv-node {}", version));
  app.add_option("--config", flags.config_file, "configuration file: key = value, with the flags' names")
      ->type_name("FILE");
  app.add_flag("--check-config", flags.check_config, "print what holds and where each value came from, then exit");
  for (const Setting& setting : settings()) {
    if (setting.argument.empty()) {
      app.add_flag("--" + setting.name, flags.switches[setting.name], setting.help);
      continue;
    }
    auto* option = app.add_option("--" + setting.name, flags.values[setting.name], setting.help);
    option->type_name(setting.argument)->expected(1);
    option->multi_option_policy(setting.repeatable ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::Throw);
  }
}

// `--name=value` as two words: for an empty value the parser would take the next argument.
std::vector<std::string> words_of(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
    const std::size_t equals = word.find('=');
    const bool is_flag = word.starts_with("--") && equals == word.size() - 1;
    words.emplace_back(is_flag ? word.substr(0, equals) : word);
    if (is_flag) {
      words.emplace_back();
    }
  }
  return words;
}

struct Given {
  Values values;
  std::string source;
};

// The winning source of a setting; no values: its default holds.
Given find(const Setting& setting, const Flags& flags,
           const std::function<const char*(const std::string&)>& environment,
           const std::map<std::string, Values>& file) {
  if (const auto flag = flags.values.find(setting.name); flag != flags.values.end() && !flag->second.empty()) {
    return {flag->second, "--" + setting.name};
  }
  if (const auto flag = flags.switches.find(setting.name); flag != flags.switches.end() && !flag->second.empty()) {
    return {{flag->second}, "--" + setting.name};
  }
  if (const char* value = environment(variable_of(setting))) {
    return {{value}, variable_of(setting)};
  }
  if (const auto line = file.find(setting.name); line != file.end()) {
    return {line->second, flags.config_file};
  }
  return {{}, "default"};
}

CommandLine refused(const std::string& text) {
  return {{}, true, usage_error, fmt::format("kv-node: {}\nTry kv-node --help.\n", text)};
}

Result<Options> combine(const Flags& flags, const std::function<const char*(const std::string&)>& environment) {
  std::map<std::string, Values> file;
  if (!flags.config_file.empty()) {
    auto read = read_config_file(flags.config_file);
    if (!read) {
      return read.error();
    }
    file = std::move(*read);
  }
  Options options;
  options.check_config = flags.check_config;
  for (const Setting& setting : settings()) {
    const Given given = find(setting, flags, environment, file);
    if (!given.values.empty()) {
      if (const Result<void> read = setting.read(options, given.values); !read) {
        const std::string where = given.source == "--" + setting.name ? "" : fmt::format(" (from {})", given.source);
        return Error{ErrorKind::invalid, fmt::format("--{}: {}{}", setting.name, read.error().text, where)};
      }
    }
    options.origins.push_back({setting.name, setting.write(options), given.source});
  }
  if (const Result<void> checked = check(options); !checked) {
    return checked.error();
  }
  return options;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv,
                               const std::function<const char*(const std::string&)>& environment) {
  CLI::App app("A node of Strata, a replicated key-value store. With no flags: a cluster of one.", "kv-node");
  Flags flags;
  declare(app, flags);
  try {
    std::vector<std::string> words = words_of(argc, argv);
    std::ranges::reverse(words);  // as the parser wants them
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return {{}, true, 0, app.help()};
  } catch (const CLI::CallForVersion&) {
    return {{}, true, 0, fmt::format("kv-node {}\n", version)};
  } catch (const CLI::ParseError& error) {
    return refused(error.what());
  }
  if (const char* named = environment("STRATA_CONFIG"); named != nullptr && flags.config_file.empty()) {
    flags.config_file = named;
  }
  auto options = combine(flags, environment);
  if (!options) {
    return refused(options.error().text);
  }
  if (options->check_config) {
    return {*options, true, 0, describe(*options)};
  }
  return {std::move(*options), false, 0, ""};
}

std::string describe(const Options& options) {
  std::string text;
  for (const Options::Origin& origin : options.origins) {
    text += fmt::format("{} = {}  # {}\n", origin.name, origin.value, origin.source);
  }
  return text;
}

}  // namespace strata::node
