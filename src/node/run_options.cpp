#include "node/run_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "wal/metadata.hpp"

namespace strata::node {

namespace {

std::string read_boot_id(const std::string& path, Logger& logger) {
  std::ifstream file(path);
  std::string id;
  if (!(file >> id)) {
    logger.warning("no boot id can be read from {} (--boot-id-file): each start counts as one after a loss of power",
                   path);
    return {};
  }
  id.resize(std::min(id.size(), wal::Run::max_boot_id));
  return id;
}

bool is_usable(const std::string& directory, wal::FileSystem& files) {
  return files.make_directory(directory) && ::access(directory.c_str(), W_OK | X_OK) == 0;
}

std::string find_run_directory(const Options& options, wal::FileSystem& files, Logger& logger) {
  if (!options.run_dir.empty()) {
    return options.run_dir;
  }
  if (is_usable("/run/strata", files)) {
    return "/run/strata";
  }
  const char* of_user = std::getenv("XDG_RUNTIME_DIR");
  if (of_user != nullptr && *of_user != '\0' && is_usable(std::string(of_user) + "/strata", files)) {
    return std::string(of_user) + "/strata";
  }
  logger.warning(
      "there is no place for the mark of a running node but {} itself (--run-dir): when that disk fails, the mark may "
      "stay, and the next start trusts what it must not",
      options.data_dir);
  return options.data_dir;
}

}  // namespace

wal::RunOptions run_options(const Options& options, wal::FileSystem& files, Logger& logger,
                            const std::function<std::uint64_t()>& random) {
  return {read_boot_id(options.boot_id_file, logger), find_run_directory(options, files, logger), options.ack,
          std::max<std::uint64_t>(random(), 1),       std::max<std::uint64_t>(random(), 1),       options.rejoin};
}

}  // namespace strata::node
