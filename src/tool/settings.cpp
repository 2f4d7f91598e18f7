#include "tool/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace strata::tool {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string environment_name(std::string_view flag) {
  std::string name = "STRATA_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

// The value of `--name=value`, `--name value` or `--name` among the arguments.
std::optional<std::string> value_among(std::span<const std::string> arguments, const Flag& flag) {
  const std::string with_dashes = "--" + flag.name;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i].starts_with(with_dashes + "=")) {
      return arguments[i].substr(with_dashes.size() + 1);
    }
    if (arguments[i] == with_dashes) {
      return flag.takes_value && i + 1 < arguments.size() ? arguments[i + 1] : "true";
    }
  }
  return std::nullopt;
}

using FileValues = std::map<std::string, std::string, std::less<>>;

FileValues read_file(const std::string& path, std::span<const Flag> flags) {
  std::ifstream file(path);
  if (!file) {
    throw UsageError(fmt::format("--config {}: cannot be read", path));
  }
  FileValues values;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    const std::string_view content = trimmed(std::string_view(text).substr(0, text.find('#')));
    if (content.empty()) {
      continue;
    }
    const auto equals = content.find('=');
    const std::string key(trimmed(content.substr(0, equals)));
    if (equals == std::string_view::npos) {
      throw UsageError(fmt::format("{}:{}: '{}' is no 'key = value'", path, line, content));
    }
    if (std::none_of(flags.begin(), flags.end(), [&](const Flag& flag) { return flag.name == key; })) {
      throw UsageError(fmt::format("{}:{}: there is no flag '{}'", path, line, key));
    }
    std::string_view value = trimmed(content.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    values[key] = std::string(value);
  }
  return values;
}

Setting look_up(const Flag& flag, Environment environment, const FileValues& file, const std::string& path) {
  if (const char* value = environment(environment_name(flag.name).c_str()); value != nullptr) {
    return {flag.name, value, "environment"};
  }
  if (const auto found = file.find(flag.name); found != file.end()) {
    return {flag.name, found->second, path};
  }
  return {flag.name, flag.default_value, "default"};
}

// What the parser of the command line is to be told; nothing for a flag that is off. A value is a word of its own: for
// an empty one behind `=` the parser would take the next word.
std::vector<std::string> arguments_for(const Flag& flag, const Setting& setting) {
  if (flag.takes_value) {
    return {"--" + flag.name, setting.value};
  }
  if (setting.value == "true" || setting.value == "1") {
    return {"--" + flag.name};
  }
  if (setting.value == "false" || setting.value == "0" || setting.value.empty()) {
    return {};
  }
  throw UsageError(fmt::format("{} ({}): '{}' is neither true nor false", flag.name, setting.source, setting.value));
}

}  // namespace

Settings complete(std::span<const std::string> arguments, std::span<const Flag> flags, Environment environment) {
  std::string path = value_among(arguments, Flag{.name = "config"}).value_or("");
  if (const char* named = environment("STRATA_CONFIG"); path.empty() && named != nullptr) {
    path = named;
  }
  const FileValues file = path.empty() ? FileValues() : read_file(path, flags);
  Settings result;
  for (const Flag& flag : flags) {
    if (const auto given = value_among(arguments, flag)) {
      result.settings.push_back({flag.name, *given, "flag"});
      continue;
    }
    result.settings.push_back(look_up(flag, environment, file, path));
    if (result.settings.back().source != "default") {
      std::ranges::move(arguments_for(flag, result.settings.back()), std::back_inserter(result.arguments));
    }
  }
  result.arguments.insert(result.arguments.end(), arguments.begin(), arguments.end());
  return result;
}

std::string describe(std::span<const Setting> settings) {
  std::string text;
  for (const Setting& setting : settings) {
    text += fmt::format("{:<32} # {}\n", setting.name + " = " + setting.value, setting.source);
  }
  return text;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, comma));
    if (!part.empty()) {
      parts.emplace_back(part);
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

}  // namespace strata::tool
