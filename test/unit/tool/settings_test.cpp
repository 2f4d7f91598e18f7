#include "tool/settings.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace strata::tool {
namespace {

using Words = std::vector<std::string>;

const std::vector<Flag> flags = {{"key-size", true, "16"}, {"json", false, ""}, {"rate", true, ""}};

const char* nothing(const char*) {
  return nullptr;
}
const char* some(const char* name) {
  if (std::strcmp(name, "STRATA_KEY_SIZE") == 0) {
    return "32";
  }
  return std::strcmp(name, "STRATA_JSON") == 0 ? "true" : nullptr;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    close(descriptor);
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/strata-settings-XXXXXX";
};

TEST_CASE("a flag beats the environment, the environment beats the file, the file beats the default") {
  const TemporaryFile file("# a comment\nkey-size = 64\nrate = \"7\"  # another\n\n");
  const Words given = {"--config", file.path(), "--rate=9"};
  const Settings from_file = complete(Words{"--config", file.path()}, flags, nothing);
  CHECK(from_file.arguments == Words{"--key-size", "64", "--rate", "7", "--config", file.path()});
  const Settings all = complete(given, flags, some);
  CHECK(all.arguments == Words{"--key-size", "32", "--json", "--config", file.path(), "--rate=9"});
  CHECK(all.settings[0].source == "environment");
  CHECK(all.settings[2].source == "flag");
  CHECK(all.settings[2].value == "9");
  const Settings none = complete(Words{}, flags, nothing);
  CHECK(none.arguments.empty());
  CHECK(none.settings[0].value == "16");
  CHECK(describe(none.settings).find("key-size = 16") == 0);
}

TEST_CASE("an empty value is a word of its own: the parser takes none of what stands behind it") {
  const TemporaryFile file("rate =\n");
  CHECK(complete(Words{"--config", file.path(), "status"}, flags, nothing).arguments ==
        Words{"--rate", "", "--config", file.path(), "status"});
}

TEST_CASE("a file with a key that is no flag, or a line that is no setting, is refused by name") {
  const TemporaryFile unknown("key-size = 1\ncolour = blue\n");
  CHECK_THROWS_WITH_AS(complete(Words{"--config=" + unknown.path()}, flags, nothing),
                       (unknown.path() + ":2: there is no flag 'colour'").c_str(), UsageError);
  const TemporaryFile no_setting("what\n");
  CHECK_THROWS_AS(complete(Words{"--config=" + no_setting.path()}, flags, nothing), UsageError);
  CHECK_THROWS_AS(complete(Words{"--config", "/nowhere/at/all"}, flags, nothing), UsageError);
}

TEST_CASE("lists are split at commas") {
  CHECK(split_list("a, b,,c,") == Words{"a", "b", "c"});
  CHECK(split_list("").empty());
}

}  // namespace
}  // namespace strata::tool
