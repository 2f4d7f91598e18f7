#include "scenario/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace strata::scenario {

Words::Words(int line, std::string_view command) : line_(line) {
  while (!command.empty()) {
    const bool quoted = command.front() == '"';
    if (quoted) {
      command.remove_prefix(1);
    }
    const std::size_t end = command.find(quoted ? '"' : ' ');
    if (quoted && end == std::string_view::npos) {
      fail("a quotation mark is missing");
    }
    const std::string_view word = command.substr(0, end);
    if (quoted || !word.empty()) {
      words_.push_back({std::string(word), quoted});
    }
    command.remove_prefix(end == std::string_view::npos ? command.size() : end + 1);
  }
}

void Words::fail(const std::string& text) const {
  throw ScriptError(line_, text);
}

void Words::finish() const {
  if (!empty()) {
    fail(fmt::format("'{}' is not understood here", words_.front().text));
  }
}

std::string Words::next(std::string_view what) {
  if (empty()) {
    fail(fmt::format("{} is missing", what));
  }
  std::string word = words_.front().text;
  words_.pop_front();
  return word;
}

std::string Words::next_text() {
  if (!next_is_text()) {
    fail("a text in quotation marks is missing");
  }
  return next("a text");
}

static bool to_number(std::string_view word, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

bool Words::next_is_number() const {
  std::uint64_t ignored = 0;
  return !empty() && to_number(words_.front().text, ignored);
}

std::uint64_t Words::next_number(std::string_view what) {
  std::uint64_t number = 0;
  const std::string word = next(what);
  if (!to_number(word, number)) {
    fail(fmt::format("'{}' is not {}", word, what));
  }
  return number;
}

NodeId Words::next_node() {
  const std::uint64_t number = next_number("a node's number");
  if (number == 0 || number > std::numeric_limits<NodeId::number_type>::max()) {
    fail("nodes have numbers from 1 to 65535");
  }
  return NodeId(static_cast<NodeId::number_type>(number));
}

Duration Words::next_duration() {
  const std::string word = next("a time, such as 500ms or 2s");
  const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const std::string_view unit = std::string_view(word).substr(digits);
  std::uint64_t number = 0;
  if (!to_number(std::string_view(word).substr(0, digits), number) || (unit != "ms" && unit != "s")) {
    fail(fmt::format("'{}' is not a time, such as 500ms or 2s", word));
  }
  return std::chrono::milliseconds(unit == "s" ? number * 1000 : number);
}

bool Words::accept(std::string_view word) {
  const bool found = !empty() && !words_.front().quoted && words_.front().text == word;
  if (found) {
    words_.pop_front();
  }
  return found;
}

void Words::expect(std::string_view word) {
  if (!accept(word)) {
    fail(fmt::format("'{}' is missing{}", word, empty() ? "" : fmt::format(" before '{}'", words_.front().text)));
  }
}

std::string Words::accept_one_of(const std::vector<std::string_view>& words) {
  for (const std::string_view word : words) {
    if (accept(word)) {
      return std::string(word);
    }
  }
  return {};
}

}  // namespace strata::scenario
