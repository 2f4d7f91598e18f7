#include "sim/workers.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace strata::sim {

namespace {

bool write_all(int file, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_all(int file, std::span<char> into) {
  while (!into.empty()) {
    const ssize_t read = ::read(file, into.data(), into.size());
    if (read <= 0) {
      return false;
    }
    into = into.subspan(static_cast<std::size_t>(read));
  }
  return true;
}

std::optional<RunReport> read_report(int file) {
  std::array<char, sizeof(std::uint32_t)> size{};
  if (!read_all(file, size)) {
    return std::nullopt;
  }
  Bytes bytes(ByteReader(BytesView(size.data(), size.size())).number<std::uint32_t>(), '\0');
  return read_all(file, bytes) ? std::optional(decode_report(bytes)) : std::nullopt;
}

std::string how_it_ended(pid_t process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  if (WIFSIGNALED(status)) {
    return fmt::format("its process was ended by signal {}{}", WTERMSIG(status),
                       WTERMSIG(status) == SIGABRT ? ": an assertion of the node's" : "");
  }
  return fmt::format("its process has ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace

Workers::Workers(std::uint64_t first, std::uint64_t last, std::size_t count,
                 std::function<RunReport(std::uint64_t)> run)
    : first_(first), last_(last), run_(std::move(run)), next_(first), workers_(count) {
  for (std::size_t number = 0; number < count; ++number) {
    start(number);
  }
}

Workers::~Workers() {
  for (const Worker& worker : workers_) {
    ::close(worker.reports);
    if (worker.process > 0) {
      ::kill(worker.process, SIGKILL);
      ::waitpid(worker.process, nullptr, 0);
    }
  }
}

void Workers::start(std::size_t number) {
  std::array<int, 2> ends{};
  STRATA_ASSERT(::pipe(ends.data()) == 0);
  const pid_t process = ::fork();
  STRATA_ASSERT(process >= 0);
  if (process == 0) {
    ::close(ends[0]);
    work(number, ends[1]);
  }
  ::close(ends[1]);
  workers_[number] = {process, ends[0]};
}

// Nobody reads any more: the parent is gone, or has seen enough.
void Workers::work(std::size_t number, int reports) const {
  for (std::uint64_t seed = first_ + number; seed >= first_ && seed <= last_; seed += workers_.size()) {
    const Bytes report = encode_report(run_(seed));
    Bytes framed;
    ByteWriter(framed).sized(report);
    if (!write_all(reports, framed)) {
      break;
    }
  }
  ::_exit(0);
}

RunReport Workers::next() {
  const std::uint64_t seed = next_++;
  Worker& worker = workers_[(seed - first_) % workers_.size()];
  if (auto report = read_report(worker.reports)) {
    return *report;
  }
  RunReport report;
  report.seed = seed;
  report.failure = how_it_ended(std::exchange(worker.process, -1));
  return report;
}

}  // namespace strata::sim
