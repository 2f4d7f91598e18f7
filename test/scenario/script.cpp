#include "scenario/script.hpp"

#include <algorithm>

#include "scenario/interpreter.hpp"

namespace strata::scenario {

static constexpr std::string_view trace_indent = "    ";

static void check_opening(const Script& script) {
  constexpr std::size_t opening = 2;
  for (std::size_t line = 0; line < opening; ++line) {
    if (line >= script.size() || !script[line].text.starts_with('#')) {
      throw ScriptError(static_cast<int>(line) + 1,
                        "a scenario begins with two lines of comment or more: what it shows, where it is known from");
    }
  }
}

Script parse(std::string_view text) {
  Script script;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.starts_with(trace_indent)) {
      if (script.empty() || !script.back().is_command()) {
        throw ScriptError(number, "a line of trace that follows no command");
      }
      script.back().trace.emplace_back(line.substr(trace_indent.size()));
    } else if (line.starts_with(' ') || line.starts_with('\t')) {
      throw ScriptError(number, "a command begins at the left, a line of trace after four spaces");
    } else {
      script.push_back({number, std::string(line), {}});
    }
  }
  check_opening(script);
  return script;
}

std::string render(const Script& script) {
  std::string text;
  for (const Line& line : script) {
    text += line.text + "\n";
    for (const std::string& traced : line.trace) {
      text.append(trace_indent).append(traced).append("\n");
    }
  }
  return text;
}

void run(Script& script) {
  Interpreter interpreter;
  for (Line& line : script) {
    if (line.is_command()) {
      line.trace = interpreter.execute(line.number, line.text);
    }
  }
}

}  // namespace strata::scenario
