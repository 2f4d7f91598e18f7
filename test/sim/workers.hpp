// Runs seeds in several processes, one seed at a time in each, and gives their reports in the order of the seeds.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/random_run.hpp"

namespace strata::sim {

class Workers {
 public:
  // The seeds first, first + 1, …, last: so many processes take them in turns. Begins at once.
  Workers(std::uint64_t first, std::uint64_t last, std::size_t count, std::function<RunReport(std::uint64_t)> run);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  // Ends those that still run.
  ~Workers();

  // The report of the next seed. Waits for it. Of a seed whose process has ended in the middle it says just that.
  // Called once for each seed at most.
  RunReport next();

 private:
  struct Worker {
    pid_t process = -1;
    int reports = -1;  // the end of a pipe to be read
  };

  void start(std::size_t number);
  [[noreturn]] void work(std::size_t number, int reports) const;

  std::uint64_t first_;
  std::uint64_t last_;
  std::function<RunReport(std::uint64_t)> run_;
  std::uint64_t next_;
  std::vector<Worker> workers_;
};

}  // namespace strata::sim
