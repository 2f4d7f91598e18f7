// A file system in memory that can lose power. What was written and not synced is kept apart, sector by sector, and so
// is every change of a directory that was not synced: a loss of power keeps or drops each of them as the test says.
// Every call can be made to fail, every write to be short, and the machine to stop at any call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wal/file.hpp"

namespace strata::test {

inline constexpr std::size_t sector_size = 512;

enum class FileOperation {
  open,
  create,
  write,
  read,
  sync,
  size,
  rename,
  remove,
  sync_directory,
  make_directory,
  list,
  lock,
};

// One call that is about to be made. The path lives as long as the call.
struct FileCall {
  FileOperation operation;
  std::string_view path;
  std::uint64_t offset = 0;  // read and write
  std::size_t size = 0;      // read and write
};

// Chooses one of `count` possible outcomes: 0 is the oldest (nothing that was not synced survived), count - 1 the
// newest.
using Chooser = std::function<std::size_t(std::size_t count)>;

Chooser keep_nothing();
Chooser keep_everything();
// The same choices for the same seed, whatever the compiler.
Chooser choose_by_seed(std::uint64_t seed);

// How a disk may spoil what it says is synced.
enum class Spoiling {
  lost,         // a sector stays as it was
  misdirected,  // and what it should have held stands in another sector of the file
};

// Any thread may call anything; one call runs at a time. The machine outlives the files and locks it hands out.
class MemoryFiles final : public wal::FileSystem {
 public:
  MemoryFiles();
  ~MemoryFiles() override;

  // Asked before each call; an error is what the call returns, and it has no effect. A sync that fails drops nothing:
  // what was not synced stays so, and every later sync of that file fails. It must not call the machine.
  void set_fault(std::function<std::optional<Error>(const FileCall&)> fault);
  // The most that one write takes. At least 1.
  void set_most_written(std::size_t bytes);
  // The same for one write: the call that has this number.
  void shorten(std::uint64_t call, std::size_t bytes);
  // As if all had been unmounted and mounted again; nothing is lost.
  void mount_again();
  // What is created in this directory goes with the power, whatever was synced.
  void make_volatile(const std::string& directory);

  // Whether the disk is full: then no file grows, but for those of the directory that is spared. A write takes what its
  // file has room for, and nothing more (no_space).
  void set_full(bool full);
  // This directory is on another disk, which is never full.
  void spare(std::string directory);

  // The next sync that fails drops what was to be synced, as Linux does: the process goes on seeing it, and every later
  // sync, by a file that is opened then, says that all is well.
  void forget_at_failed_sync();
  // The next sync that has anything to do spoils one sector of it, which `choose` picks. That shows when the power is
  // lost, unless the sector was written and synced again by then.
  void spoil_next_sync(Spoiling spoiling, Chooser choose);
  // Of what was spoilt and has not shown yet, only those sectors stay so for which `may` agrees, who is told the path
  // and where the sector ends, and must not call the machine. True when something is left.
  bool limit_spoilt(const std::function<bool(const std::string& path, std::uint64_t end)>& may);

  // Calls made so far, failed ones included; reads, sizes and lists do not count, they change nothing.
  std::uint64_t calls() const;
  // From the call with this number on (counting from 0, as calls() does) every call fails and has no effect.
  void stop_at(std::uint64_t call);

  // The process is dead: its files and locks are of no use any more; everything written stays. Ends a stop.
  void kill_process();
  // The machine is dead as well: what was not synced is decided by `choose`, in a fixed order: for each file by its
  // age, its size (when it grew) and then each sector with its versions, and for each directory change whether it
  // happened. With `garbled` each sector is asked for once more: 1 of 4 becomes garbage, as far as its bytes were about
  // to change; what was synced and was not to change stays.
  void lose_power(const Chooser& choose, bool garbled = false);
  // How many choices lose_power would ask for at this moment.
  std::size_t undecided() const;
  // Another machine with the same disk, synced and unsynced; no process runs on it, and no fault is set.
  std::unique_ptr<MemoryFiles> copy() const;

  // One bit (0 to 7) of this byte, which was synced, is another from now on.
  void rot(const std::string& path, std::uint64_t offset, unsigned bit);
  // Whether anything that was synced is not as it was: because of rot, or of a spoilt sync that has shown.
  bool has_decayed() const;
  // Anything of these bytes of the file.
  bool has_decayed(const std::string& path, std::uint64_t from, std::uint64_t to) const;
  // Another disk, empty, or one that holds what `other` holds. No process runs.
  void replace();
  void become(const MemoryFiles& other);

  // For tests that look and damage. The content of a file that exists; setting makes it durable, name included.
  Bytes content(const std::string& path) const;
  void set_content(const std::string& path, BytesView bytes);
  bool exists(const std::string& path) const;

  // For oracles: as the process sees it, or, `durable`, what is there whatever a loss of power takes. Nothing when
  // there is no such file.
  std::optional<std::uint64_t> size_of(const std::string& path, bool durable) const;
  // How much was read, up to the size of `into`.
  std::size_t look(const std::string& path, bool durable, std::uint64_t offset, std::span<char> into) const;
  std::vector<std::string> names_in(const std::string& directory, bool durable) const;

  Result<std::unique_ptr<wal::File>> open(const std::string& path) override;
  Result<std::unique_ptr<wal::File>> open_to_read(const std::string& path) override;
  Result<std::unique_ptr<wal::File>> create(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_in_steps(const std::string& path) override { return remove(path); }
  Result<void> sync_directory(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<std::string> mount_of(const std::string& path) override;
  Result<void> look_at_lock(const std::string& path) override;
  Result<std::unique_ptr<wal::FileLock>> lock(const std::string& path) override;

 private:
  class OpenFile;
  class HeldLock;
  struct Node;
  struct Change;
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  Result<std::unique_ptr<wal::File>> open(const std::string& path, bool writable);
  std::optional<Error> refuse(const FileCall& call);
  const Bytes* content_of(const std::string& path, bool durable) const;
  static std::vector<std::string> names_in(const Names& names, const std::string& directory);
  std::shared_ptr<Node> add_node();
  std::size_t most_written() const;
  bool goes_with_power(const Change& change) const;
  void change(Change change);
  static void apply(Names& names, const Change& change);
  static void garble(Bytes& survived, std::uint64_t start, BytesView newest, const Chooser& choose);
  void decide_content(Node& node, const Chooser& choose, bool garbled);
  void sync(Node& node);
  void spoil(Node& node, const Bytes& before, const std::vector<std::uint64_t>& sectors);
  void show_spoilt(Node& node);
  void copy_files_to(MemoryFiles& other) const;
  void erase_all();
  void end_process();

  mutable std::mutex mutex_;
  std::function<std::optional<Error>(const FileCall&)> fault_;
  bool full_ = false;
  std::string spared_;
  bool forgets_ = false;  // at the next sync that fails
  Spoiling spoiling_ = Spoiling::lost;
  Chooser spoils_;  // the next sync
  bool has_decayed_ = false;
  std::size_t most_written_ = std::numeric_limits<std::size_t>::max();
  std::optional<std::uint64_t> shortened_;  // the call of a short write
  std::size_t shortened_to_ = 0;
  std::uint64_t calls_ = 0;
  std::optional<std::uint64_t> stop_at_;
  std::uint64_t process_ = 1;  // files and locks of an earlier one are dead

  std::vector<std::weak_ptr<Node>> nodes_;  // by age
  Names names_;                             // as the process sees them
  Names durable_names_;
  std::vector<Change> changes_;  // between the two, in order
  std::set<std::string> directories_;
  std::string volatile_directory_;
  unsigned mounts_ = 1;
  std::set<std::string> locked_;
};

}  // namespace strata::test
