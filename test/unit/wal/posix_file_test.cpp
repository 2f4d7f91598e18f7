#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "support/log_samples.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"
#include "wal/file.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

// A directory that is gone at the end of the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "strata-wal-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("real files are created, written, read, renamed, listed and removed") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string nested = directory.path() + "/a/b/";
  REQUIRE(files->make_directory(nested));
  REQUIRE(files->make_directory(nested));
  auto file = files->create(nested + "x");
  REQUIRE(file);
  CHECK(*(*file)->write_at(3, "abc") == 3);
  CHECK((*file)->sync());
  CHECK(*(*file)->size() == 6);
  std::array<char, 8> bytes{};
  CHECK(*(*file)->read_at(2, bytes) == 4);
  CHECK(BytesView(bytes.data(), 4) == BytesView("\0abc", 4));
  CHECK(*(*file)->read_at(6, bytes) == 0);
  REQUIRE(files->rename(nested + "x", nested + "y"));
  REQUIRE(files->create(nested + "a"));
  REQUIRE(files->sync_directory(nested));
  CHECK(*files->list(nested) == std::vector<std::string>{"a", "y"});
  CHECK(*files->list(directory.path()) == std::vector<std::string>{});
  REQUIRE(files->create(nested + "y"));
  CHECK(*(*files->open(nested + "y"))->size() == 0);
  REQUIRE(files->remove(nested + "y"));
  CHECK(files->open(nested + "y").error().kind == ErrorKind::not_found);
}

TEST_CASE("a file of the real file system is removed in steps, whatever its size") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string path = directory.path() + "/large";
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{9} << 20}) {
    auto file = files->create(path);
    REQUIRE(file);
    if (size > 0) {
      REQUIRE((*file)->write_at(size - 1, "x"));
    }
    file->reset();
    REQUIRE(files->remove_in_steps(path));
    CHECK(files->open(path).error().kind == ErrorKind::not_found);
  }
  CHECK(files->remove_in_steps(path).error().kind == ErrorKind::not_found);
}

TEST_CASE("errors of the real file system name operation, path and reason") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string missing = directory.path() + "/missing";
  CHECK(files->open(missing).error().text == "cannot open " + missing + ": No such file or directory");
  CHECK(files->list(missing).error().kind == ErrorKind::not_found);
  CHECK(files->sync_directory(missing).error().kind == ErrorKind::not_found);
  const auto blocked = files->create(directory.path() + "/file");
  REQUIRE(blocked);
  CHECK(files->make_directory(directory.path() + "/file/below").error().text.find("Not a directory") !=
        std::string::npos);
  const auto full = files->open("/dev/full");
  if (full) {
    CHECK((*full)->write_at(0, "x").error().kind == ErrorKind::no_space);
  }
}

TEST_CASE("a lock is refused to a second holder, in this process as well, and names the first") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string path = directory.path() + "/lock";
  auto held = files->lock(path);
  REQUIRE(held);
  {
    std::ifstream reader(path);  // closing another descriptor of the file must not release it
    CHECK(reader.good());
  }
  const auto refused = files->lock(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::in_use);
  CHECK(refused.error().text == path + " is in use by process " + std::to_string(::getpid()));
  held->reset();
  CHECK(files->lock(path));
}

TEST_CASE("a lock is looked at without being taken, and its file is not created") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string path = directory.path() + "/lock";
  CHECK(files->look_at_lock(path));
  CHECK(files->list(directory.path())->empty());
  auto held = files->lock(path);
  REQUIRE(held);
  const auto looked = files->look_at_lock(path);
  REQUIRE_FALSE(looked);
  CHECK(looked.error().kind == ErrorKind::in_use);
  CHECK(looked.error().text == path + " is in use by process " + std::to_string(::getpid()));
  held->reset();
  CHECK(files->look_at_lock(path));
  CHECK(files->lock(path));
}

TEST_CASE("a file that is opened for reading cannot be written") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const std::string path = directory.path() + "/file";
  CHECK(files->open_to_read(path).error().kind == ErrorKind::not_found);
  REQUIRE((*files->create(path))->write_at(0, "abc"));
  const auto file = files->open_to_read(path);
  REQUIRE(file);
  std::array<char, 8> bytes{};
  CHECK(*(*file)->read_at(0, bytes) == 3);
  CHECK_FALSE((*file)->write_at(0, "x"));
}

TEST_CASE("a data directory on real files keeps its log over restarts, and a shortened file as well") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  KeptLines lines;
  LogOptions options = sample_options(256 << 10);
  options.directory = directory.path() + "/node/data";
  const auto entries = sample_entries(1, 2000, 1, 300);
  {
    const auto opened = open_data_directory(*files, options, lines);
    REQUIRE(opened);
    CHECK(open_data_directory(*files, options, lines).error().kind == ErrorKind::in_use);
    for (std::size_t i = 0; i < entries.size(); i += 500) {
      const auto target = opened->log->append(std::span(entries).subspan(i, 500), Marks{});
      REQUIRE(target);
      REQUIRE(target->sync());
      if (const auto wanted = opened->log->wants_spare()) {
        auto spare = prepare_segment(*files, options, *wanted);
        REQUIRE(spare);
        opened->log->give_spare(std::move(*spare));
      }
    }
    CHECK(opened->log->end().segment > 2);
    CHECK(same_entries(*all_entries(*opened->log), entries));
  }
  std::string last;
  {
    const auto opened = open_data_directory(*files, options, lines);
    REQUIRE(opened);
    CHECK(opened->metadata->current().incarnation == Incarnation(2));
    CHECK(opened->log->recovered().torn_bytes == 0);
    CHECK(same_entries(*all_entries(*opened->log), entries));
    REQUIRE(opened->log->append(sample_entries(2001, 2001, 1, 300), Marks{}));
    last = options.directory + fmt::format("/wal-{:010}.log", opened->log->end().segment);
    std::filesystem::resize_file(last, opened->log->end().offset - 1);
  }
  const auto opened = open_data_directory(*files, options, lines);
  REQUIRE(opened);
  CHECK(opened->log->last_index() == LogIndex(2000));
  CHECK(std::filesystem::file_size(last) == options.segment_size);
}

TEST_CASE("another thread syncs and prepares segments while entries are appended and read") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  KeptLines lines;
  LogOptions options = sample_options(64 << 10);
  options.directory = directory.path();
  auto log = Log::open(*files, options, lines);
  REQUIRE(log);
  const auto entries = sample_entries(1, 1000, 1, 300);
  for (std::size_t i = 0; i < entries.size(); i += 20) {
    const auto target = (*log)->append(std::span(entries).subspan(i, 20), Marks{});
    REQUIRE(target);
    const std::optional<std::uint32_t> wanted = (*log)->wants_spare();
    bool synced = false;
    std::unique_ptr<PreparedSegment> spare;
    std::thread beside([&] {
      synced = static_cast<bool>(target->sync());
      if (wanted) {
        auto prepared = prepare_segment(*files, options, *wanted);
        spare = prepared ? std::move(*prepared) : nullptr;
      }
    });
    CHECK((*log)->append(std::span(entries).subspan(i, 20), Marks{}));
    CHECK((*log)->read(LogIndex(1), LogIndex(i + 1), 4096));
    beside.join();
    CHECK(synced);
    if (wanted) {
      REQUIRE(spare);
      (*log)->give_spare(std::move(spare));
    }
  }
  CHECK(same_entries(*all_entries(**log), entries));
}

TEST_CASE("a directory's mount has a name, the same as long as it is mounted, and what does not exist has none") {
  const TemporaryDirectory directory;
  const auto files = make_posix_file_system();
  const auto mount = files->mount_of(directory.path());
  REQUIRE(mount);
  CHECK(mount->find('/') != std::string::npos);
  CHECK(*files->mount_of(directory.path()) == *mount);
  CHECK(*files->mount_of("/proc") != *mount);
  CHECK_FALSE(files->mount_of(directory.path() + "/nothing"));
}
