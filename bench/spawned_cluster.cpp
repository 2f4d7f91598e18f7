#include "bench/spawned_cluster.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace strata::bench {

namespace {

// Below the ephemeral ports, where a socket that keeps connecting to a dead port can meet itself.
constexpr std::uint32_t first_port = 20'000;
constexpr std::uint32_t port_range = 12'000;

bool is_free(std::uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return bound;
}

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<std::uint16_t> ports;
  std::uint32_t turn = std::random_device()() % port_range;
  for (std::uint32_t tries = 0; ports.size() < count && tries < port_range; ++tries) {
    const auto port = static_cast<std::uint16_t>(first_port + turn++ % port_range);
    if (is_free(port)) {
      ports.push_back(port);
    }
  }
  if (ports.size() < count) {
    throw std::runtime_error("--spawn: not enough free ports between 20000 and 32000");
  }
  return ports;
}

std::string temporary_directory(const std::string& parent) {
  const std::filesystem::path base =
      parent.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(parent);
  std::string pattern = (base / "strata-load-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error(fmt::format("--spawn: cannot make the directory {}", pattern));
  }
  return pattern;
}

// Never returns.
[[noreturn]] void become(const std::vector<std::string>& command, const std::string& log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);  // Ctrl-C is for us alone: we end the nodes
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

// utime and stime stand 12th and 13th after the command's name, which is in parentheses and may hold anything.
double cpu_seconds_of(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) {
    fields >> skipped;
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

SpawnedCluster::SpawnedCluster(const std::string& binary, unsigned count, const std::string& parent,
                               const std::vector<std::string>& flags)
    : directory_(temporary_directory(parent)) {
  if (access(binary.c_str(), X_OK) != 0) {
    std::filesystem::remove_all(directory_);
    throw std::runtime_error(fmt::format("--spawn: there is no program {}", binary));
  }
  const std::vector<std::uint16_t> ports = free_ports(2 * std::size_t{count});
  std::string members;
  for (unsigned id = 1; id <= count; ++id) {
    members += fmt::format("{}{}=tcp://127.0.0.1:{}", id == 1 ? "" : ",", id, ports[id - 1]);
    endpoints_.push_back(fmt::format("tcp://127.0.0.1:{}", ports[count + id - 1]));
  }
  for (unsigned id = 1; id <= count; ++id) {
    start(binary, id, members, flags);
  }
}

void SpawnedCluster::start(const std::string& binary, unsigned id, const std::string& members,
                           const std::vector<std::string>& flags) {
  const std::string own = fmt::format("{}/{}", directory_, id);
  std::filesystem::create_directories(own);
  std::vector<std::string> command = {binary,       "--id",     std::to_string(id), "--cluster",
                                      members,      "--listen", endpoints_[id - 1], "--data-dir",
                                      own + "/data"};
  command.insert(command.end(), flags.begin(), flags.end());
  const pid_t process = fork();
  if (process == 0) {
    become(command, own + "/log");
  }
  if (process > 0) {
    processes_.push_back(process);
  }
}

SpawnedCluster::~SpawnedCluster() {
  for (const pid_t process : processes_) {
    kill(process, SIGKILL);  // what it stored goes with the directory
  }
  for (const pid_t process : processes_) {
    waitpid(process, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

double SpawnedCluster::cpu_seconds() const {
  double sum = 0;
  for (const pid_t process : processes_) {
    sum += cpu_seconds_of(process);
  }
  return sum;
}

std::string SpawnedCluster::last_words() const {
  std::string text;
  for (std::size_t id = 1; id <= processes_.size(); ++id) {
    std::ifstream file(fmt::format("{}/{}/log", directory_, id));
    std::string line;
    std::string last;
    while (std::getline(file, line)) {
      last = line;
    }
    text += fmt::format("node {}: {}\n", id, last);
  }
  return text;
}

}  // namespace strata::bench
