#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "node/event_log.hpp"
#include "node/options.hpp"
#include "node/server.hpp"

namespace {

const char* environment(const std::string& name) {
  return std::getenv(name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace strata;
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a write that fails
  std::signal(SIGPIPE, SIG_IGN);  // nobody reads the log any more: the node goes on
  const auto parse = [=] { return node::parse_command_line(argc, argv, environment); };
  const node::CommandLine line = parse();
  if (line.exit) {
    std::fputs(line.output.c_str(), line.status == 0 ? stdout : stderr);
    return line.status;
  }
  const auto reload = [&parse]() -> Result<node::Options> {
    const node::CommandLine again = parse();
    if (again.exit) {
      return Error{ErrorKind::invalid, again.output};
    }
    return again.options;
  };
  const auto log = node::make_event_log(line.options.id, line.options.log_level, line.options.log_format);
  const node::ExitStatus status = node::serve(line.options, *log, reload);
  if (!log->drain(std::chrono::seconds(1))) {
    std::_Exit(status);
  }
  return status;
}
