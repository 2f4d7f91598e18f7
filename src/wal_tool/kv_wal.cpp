// kv-wal: the command line.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <system_error>

#include "tool/app.hpp"
#include "wal_tool/commands.hpp"
#include "wal_tool/finding_lines.hpp"

namespace strata::wal_tool {
namespace {

struct CommandLine {
  Options options;
  CLI::App* verify = nullptr;
  CLI::App* dump = nullptr;
  CLI::App* salvage = nullptr;
};

constexpr const char* footer =
    "DIR is the data directory of a node that does not run; nothing in it is changed.\n"
    "Exit status: 0 sound (a torn end is only said), or done; 1 damaged, a node runs there, or failed; 2 usage.";

void describe_commands(CLI::App& app, CommandLine& line) {
  line.verify = app.add_subcommand("verify", "check every byte: a line for each finding, then what there is");
  line.dump = app.add_subcommand(
      "dump", "a line for each current entry; overridden ones, and what is behind a torn end, are left out");
  line.salvage = app.add_subcommand(
      "salvage",
      "write what can be read into OUT, as a directory for the same node: the newest good snapshot and the "
      "entries up to the first damaged one; readable entries behind go to OUT.left-out.jsonl");
  for (CLI::App* command : {line.verify, line.dump, line.salvage}) {
    command->add_option("DIR", line.options.directory, "the data directory")->required();
  }
  line.salvage->add_option("OUT", line.options.out, "must not exist, or be empty")->required();
}

void describe_flags(CLI::App& app, CommandLine& line) {
  app.add_flag("--json", line.options.json, "verify, dump: a JSON object a line");
  app.add_option("--from", line.options.from, "dump: the first index")->type_name("I");
  app.add_option("--to", line.options.to, "dump: the last index")->check(CLI::PositiveNumber)->type_name("I");
  app.add_flag("--values", line.options.values, "dump --json: the values too");
  app.add_flag("--new-vote", line.options.new_vote,
               "salvage: when term and vote are unreadable, begin a new term; safe in a cluster of one only");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(footer);
}

// A flag that means nothing for the command is a mistake worth knowing of.
std::optional<std::string> wrong_flag(const CLI::App& app, const CommandLine& line) {
  for (const char* flag : {"--from", "--to", "--values"}) {
    if (app.count(flag) > 0 && !line.dump->parsed()) {
      return fmt::format("{} goes with dump only", flag);
    }
  }
  if (app.count("--new-vote") > 0 && !line.salvage->parsed()) {
    return "--new-vote goes with salvage only";
  }
  if (line.options.json && line.salvage->parsed()) {
    return "--json goes with verify and dump only";
  }
  if (line.options.values && !line.options.json) {
    return "--values goes with --json only";
  }
  if (line.options.to != 0 && line.options.from > line.options.to) {
    return fmt::format("--from {} --to {}: --from must not be above --to", line.options.from, line.options.to);
  }
  return std::nullopt;
}

void drop_last_slashes(std::string& path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
}

int run_command(const CommandLine& line) {
  const std::unique_ptr<wal::FileSystem> files = wal::make_posix_file_system();
  return line.verify->parsed() ? verify(*files, line.options)
         : line.dump->parsed() ? dump(*files, line.options)
                               : salvage(*files, line.options);
}

// What is printed when standard output is full or gone is an exception of fmt's, or, if it was still in the buffer, no
// more than a mark on the stream.
int run(CommandLine& line) {
  drop_last_slashes(line.options.directory);
  drop_last_slashes(line.options.out);
  try {
    const int status = run_command(line);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
      return status;
    }
    complain("standard output could not be written");
  } catch (const std::system_error& error) {
    complain(fmt::format("standard output could not be written: {}", error.code().message()));
  }
  return 1;
}

}  // namespace
}  // namespace strata::wal_tool

int main(int count, char** arguments) {
  using namespace strata::wal_tool;
  CLI::App app("Looks at the files of a stopped node: checks, shows and salvages them.", "kv-wal");
  CommandLine line;
  describe_flags(app, line);
  describe_commands(app, line);
  if (const auto status = strata::tool::parse_command_line(app, count, arguments, "kv-wal")) {
    return *status;
  }
  if (const auto wrong = wrong_flag(app, line)) {
    complain(*wrong);
    return 2;
  }
  return run(line);
}
