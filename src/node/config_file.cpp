#include "node/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "node/setting.hpp"

namespace strata::node {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view unquote(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// A comment begins with a `#` at the start or behind a blank, outside of quotes.
std::string_view without_comment(std::string_view line) {
  bool quoted = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    quoted = quoted != (line[at] == '"');
    if (line[at] == '#' && !quoted && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) {
      return line.substr(0, at);
    }
  }
  return line;
}

}  // namespace

Result<std::map<std::string, std::vector<std::string>>> read_config_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Error{ErrorKind::not_found, fmt::format("--config: {} cannot be read", path)};
  }
  std::map<std::string, std::vector<std::string>> values;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string_view content = trim(without_comment(line));
    if (content.empty()) {
      continue;
    }
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) {
      return Error{ErrorKind::invalid, fmt::format("{}:{}: write key = value", path, number)};
    }
    const std::string key(trim(content.substr(0, equals)));
    const auto setting = std::ranges::find(settings(), key, &Setting::name);
    if (setting == settings().end()) {
      return Error{ErrorKind::invalid,
                   fmt::format("{}:{}: unknown key \"{}\"; the keys are the flags' names", path, number, key)};
    }
    std::vector<std::string>& given = values[key];
    if (!given.empty() && !setting->repeatable) {
      return Error{ErrorKind::invalid, fmt::format("{}:{}: \"{}\" is given twice", path, number, key)};
    }
    given.emplace_back(unquote(trim(content.substr(equals + 1))));
  }
  return values;
}

}  // namespace strata::node
