// A scenario file: comments, commands, and under each command the trace that it produces. docs/testing.md tells how to
// write one.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace strata::scenario {

// What is wrong in a script, or was found wrong while it ran; `line` counts from 1.
struct ScriptError : std::runtime_error {
  ScriptError(int at, const std::string& text) : std::runtime_error(text), line(at) {}
  int line;
};

struct Line {
  int number = 0;
  std::string text;                // a comment, a command, or empty
  std::vector<std::string> trace;  // of a command
  bool is_command() const { return !text.empty() && text.front() != '#'; }
};

using Script = std::vector<Line>;

// Throws ScriptError. A line that begins with four spaces is trace; a script begins with a comment of two lines or
// more.
Script parse(std::string_view text);

// The file's text; parse(render(script)) is the script again.
std::string render(const Script& script);

// Runs all commands in a fresh cluster and puts the traces that they produce into the script. Throws ScriptError; the
// commands before the one that failed have their new traces then.
void run(Script& script);

}  // namespace strata::scenario
