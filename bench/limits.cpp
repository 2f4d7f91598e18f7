// bench/limits: what this machine can do at most: messages through ZeroMQ, and syncs to the disk of a directory. A
// replicated store cannot be faster than these allow; compare its figures with them.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "bench/histogram.hpp"

namespace strata::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds echo_time{1000};
constexpr int syncs = 500;
constexpr std::size_t block = 4096;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void check(bool good, const char* what) {
  if (!good) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
  }
}

// ---- Messages ----

// Sends every message back, until one of a single empty frame comes.
void echo(zmq::socket_t& router) {
  std::vector<zmq::message_t> frames;
  for (;;) {
    frames.clear();
    do {
      check(router.recv(frames.emplace_back()).has_value(), "recv");
    } while (frames.back().more());
    if (frames.size() == 2 && frames[1].empty()) {
      return;
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      router.send(frames[i], i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
}

void send_message(zmq::socket_t& dealer, std::size_t frames) {
  static const std::string frame(128, 'x');
  for (std::size_t i = 0; i < frames; ++i) {
    dealer.send(zmq::buffer(frame), i + 1 < frames ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

void measure_echo(std::size_t frames, std::size_t window) {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::sndhwm, 0);
  router.bind("tcp://127.0.0.1:*");
  std::thread server([&] { echo(router); });
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::linger, 0);
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  for (std::size_t i = 0; i < window; ++i) {
    send_message(dealer, frames);
  }
  const auto start = steady_clock::now();
  const double cpu = cpu_seconds();
  std::uint64_t count = 0;
  zmq::message_t frame;
  while (steady_clock::now() - start < echo_time) {
    do {
      check(dealer.recv(frame).has_value(), "recv");
    } while (frame.more());
    send_message(dealer, frames);
    ++count;
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  const auto messages = static_cast<double>(count);
  fmt::print("  {:>6} {:>8} {:>12.0f} {:>10.2f} us\n", frames, window, messages / seconds,
             (cpu_seconds() - cpu) * 1e6 / messages);
  dealer.send(zmq::message_t(), zmq::send_flags::none);
  server.join();
}

// ---- Syncs ----

enum class Space { zero_filled, growing, allocated };

void prepare(int file, Space space) {
  constexpr auto size = static_cast<off_t>(syncs * block);
  if (space == Space::allocated) {
    check(posix_fallocate(file, 0, size) == 0, "posix_fallocate");
  } else if (space == Space::zero_filled) {
    const std::string zeros(block, '\0');
    for (off_t at = 0; at < size; at += static_cast<off_t>(block)) {
      check(pwrite(file, zeros.data(), block, at) == static_cast<ssize_t>(block), "pwrite");
    }
  }
  check(fsync(file) == 0, "fsync");
}

void measure_sync(const std::string& directory, Space space, const char* name) {
  std::string path = directory + "/strata-limits-XXXXXX";
  const int file = mkstemp(path.data());
  check(file >= 0, path.c_str());
  unlink(path.c_str());
  prepare(file, space);
  const std::string data(block, 'x');
  Histogram latency;
  for (int i = 0; i < syncs; ++i) {
    const auto start = steady_clock::now();
    check(pwrite(file, data.data(), block, static_cast<off_t>(block) * i) == static_cast<ssize_t>(block), "pwrite");
    check(fdatasync(file) == 0, "fdatasync");
    latency.record(static_cast<std::uint64_t>((steady_clock::now() - start).count()));
  }
  close(file);
  const auto us = [&](double quantile) { return static_cast<double>(latency.at(quantile)) / 1e3; };
  fmt::print("  {:<24} {:>10.0f} {:>10.0f} {:>10.0f} us\n", name, us(0.5), us(0.99), us(1));
}

int run(const std::string& directory) {
  fmt::print("ROUTER/DEALER echo over loopback TCP, frames of 128 bytes\n");
  fmt::print("  {:>6} {:>8} {:>12} {:>13}\n", "frames", "window", "messages/s", "CPU, both ends");
  for (const std::size_t frames : {1U, 4U}) {
    for (const std::size_t window : {1U, 16U, 256U, 4096U}) {
      measure_echo(frames, window);
    }
  }
  fmt::print("write of 4 KiB and fdatasync in {}\n  {:<24} {:>10} {:>10} {:>10}\n", directory, "into", "p50", "p99",
             "max");
  measure_sync(directory, Space::zero_filled, "zero-filled space");
  measure_sync(directory, Space::growing, "a growing file");
  measure_sync(directory, Space::allocated, "allocated space");
  return 0;
}

}  // namespace
}  // namespace strata::bench

int main(int count, char** arguments) {
  const std::string argument = count == 2 ? arguments[1] : "";
  if (argument == "--version") {
    fmt::print("limits {}\n", STRATA_VERSION);
    return 0;
  }
  if (argument == "--help" || count > 2 || argument.starts_with("-")) {
    fmt::print(argument == "--help" ? stdout : stderr,
               "Usage: limits [DIR]\nWhat this machine can do: ZeroMQ echo, and syncs to the disk of DIR (default: "
               "here).\n");
    return argument == "--help" ? 0 : 2;
  }
  try {
    return strata::bench::run(argument.empty() ? "." : argument);
  } catch (const std::exception& error) {
    fmt::print(stderr, "limits: {}\n", error.what());
    return 1;
  }
}
