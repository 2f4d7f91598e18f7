// Where the options of a node come from.
#include "node/options.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

using namespace strata;
using namespace strata::node;

namespace {

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& content) {
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    close(descriptor);
    std::ofstream(path_) << content;
  }
  ~ConfigFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/strata-config-XXXXXX";
};

using Variables = std::map<std::string, std::string>;

CommandLine parse(std::vector<std::string> words, const Variables& variables = {}) {
  words.insert(words.begin(), "kv-node");
  std::vector<const char*> argv;
  argv.reserve(words.size());
  for (const std::string& word : words) {
    argv.push_back(word.c_str());
  }
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), [&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("a flag beats the environment, the environment beats the file, the file beats the default") {
  const ConfigFile file("fsync-interval = 1ms\nmax-value = 2KiB\nsegment-size = 1MiB\n");
  const CommandLine line = parse({"--config", file.path(), "--fsync-interval", "3ms"},
                                 {{"STRATA_FSYNC_INTERVAL", "2ms"}, {"STRATA_MAX_VALUE", "3KiB"}});
  REQUIRE_FALSE(line.exit);
  CHECK((line.options.fsync_interval == std::chrono::milliseconds(3)));
  CHECK(line.options.max_value == 3 << 10);
  CHECK(line.options.segment_size == 1 << 20);
  CHECK(line.options.snapshot_log_size == 256 << 20);
}

TEST_CASE("the file may be named in the environment") {
  const ConfigFile file("cluster-name = of-file\n");
  CHECK(parse({}, {{"STRATA_CONFIG", file.path()}}).options.cluster_name == "of-file");
  const ConfigFile other("cluster-name = of-flag\n");
  CHECK(parse({"--config", other.path()}, {{"STRATA_CONFIG", file.path()}}).options.cluster_name == "of-flag");
}

TEST_CASE("a flag without a value beats the others as well") {
  CHECK(parse({"--rejoin"}).options.rejoin);
  CHECK(parse({"--rejoin"}, {{"STRATA_REJOIN", "false"}}).options.rejoin);
  CHECK_FALSE(parse({"--rejoin=false"}, {{"STRATA_REJOIN", "true"}}).options.rejoin);
  CHECK(parse({}, {{"STRATA_REJOIN", "true"}}).options.rejoin);
  const CommandLine wrong = parse({"--rejoin=perhaps"});
  CHECK(wrong.status == 2);
  CHECK(wrong.output.find("--rejoin") != std::string::npos);
}

TEST_CASE("an empty value is an empty value, whatever stands behind it") {
  const CommandLine line = parse({"--data-dir=", "--check-config"});
  CHECK(line.status == 2);
  CHECK(line.output.find("--data-dir: it must not be empty") != std::string::npos);
  CHECK_FALSE(parse({"--run-dir=", "--rejoin"}).exit);
  CHECK(parse({"--run-dir=", "--rejoin"}).options.rejoin);
}

TEST_CASE("what is printed of the options says where each came from") {
  const CommandLine line = parse({"--ack", "written", "--check-config"}, {{"STRATA_ID", "3"}});
  REQUIRE(line.exit);
  CHECK(line.status == 0);
  CHECK(line.output.find("ack = written  # --ack\n") != std::string::npos);
  CHECK(line.output.find("id = 3  # STRATA_ID\n") != std::string::npos);
  CHECK(line.output.find("election-timeout = 500ms  # default\n") != std::string::npos);
}

TEST_CASE("a wrong value is refused with the name of its source") {
  CHECK(parse({}, {{"STRATA_ID", "x"}}).output.find("(from STRATA_ID)") != std::string::npos);
  CHECK(parse({"--no-such-flag"}).status == 2);
  CHECK(parse({"--config", "/nowhere/at/all"}).status == 2);
}
