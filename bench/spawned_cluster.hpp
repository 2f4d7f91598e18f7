// A cluster of kv-node processes of our own on the loopback, with everything it writes in a temporary directory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strata::bench {

class SpawnedCluster {
 public:
  // Starts `count` nodes of the kv-node binary, each with `flags` added, in a new directory under `parent` (empty: the
  // system's for temporary files). Throws std::runtime_error when it cannot.
  SpawnedCluster(const std::string& binary, unsigned count, const std::string& parent,
                 const std::vector<std::string>& flags);
  // Ends the nodes and removes the directory.
  ~SpawnedCluster();
  SpawnedCluster(const SpawnedCluster&) = delete;
  SpawnedCluster& operator=(const SpawnedCluster&) = delete;

  // For clients.
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  const std::string& directory() const { return directory_; }
  // CPU seconds that the nodes have used so far.
  double cpu_seconds() const;
  // What the nodes logged last, for a person: when they do not come up.
  std::string last_words() const;

 private:
  void start(const std::string& binary, unsigned id, const std::string& members, const std::vector<std::string>& flags);

  std::string directory_;
  std::vector<std::string> endpoints_;
  std::vector<pid_t> processes_;
};

}  // namespace strata::bench
