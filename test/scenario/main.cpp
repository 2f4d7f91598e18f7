// Runs scenario files and compares the traces they produce with those they hold.
//
//   scenario [--rewrite] [FILE...]     without files: all of test/scenario
//
// Exit status: 0 all as they stand (or rewritten), 1 a difference or an error in a script, 2 usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "scenario/diff.hpp"
#include "scenario/script.hpp"

namespace {

using strata::scenario::Script;
using strata::scenario::ScriptError;

std::vector<std::string> all_scenarios() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(STRATA_SCENARIOS)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

// Runs the script; its text with the new traces. What is wrong in it is printed.
struct Outcome {
  bool complete = false;
  std::string text;
};

Outcome run_text(const std::string& file, const std::string& text) {
  Outcome outcome;
  Script script;
  try {
    script = strata::scenario::parse(text);
    run(script);
    outcome.complete = true;
  } catch (const ScriptError& error) {
    fmt::print(stderr, "{}:{}: {}\n", file, error.line, error.what());
  }
  outcome.text = script.empty() ? text : render(script);
  return outcome;
}

// False: it differs, or has an error; what is wrong has been printed.
bool check(const std::string& file, bool rewrite) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    fmt::print(stderr, "{}: cannot be read\n", file);
    return false;
  }
  const std::string before{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const Outcome after = run_text(file, before);
  if (before == after.text) {
    return after.complete;
  }
  if (rewrite && after.complete) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << after.text;
    fmt::print("{}: rewritten\n", file);
    return true;
  }
  fmt::print(stderr, "{}", strata::scenario::unified_diff(file, before, after.text));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs scenarios: commands to a cluster of cores, and the whole trace they produce.", "scenario");
  bool rewrite = false;
  std::vector<std::string> files;
  app.add_flag("--rewrite", rewrite, "Put the traces that the commands produce into the files");
  app.add_option("files", files, "Scenario files (default: all of test/scenario)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (files.empty()) {
    files = all_scenarios();
  }
  std::string wrong;
  for (const std::string& file : files) {
    if (!check(file, rewrite)) {
      wrong += " " + file;
    }
  }
  if (!wrong.empty()) {
    fmt::print(stderr, "\nWhen every difference is meant:\n  {} --rewrite{}\n", argv[0], wrong);
    return EXIT_FAILURE;
  }
  fmt::print("{} scenarios\n", files.size());
  return EXIT_SUCCESS;
}
