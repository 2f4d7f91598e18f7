#include "support/memory_files.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "support/memory_node.hpp"

namespace strata::test {

namespace {

Error error_of(ErrorKind kind, const char* what, const std::string& path) {
  return {kind, std::string("cannot ") + what + " " + path};
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool counts(FileOperation operation) {
  return operation != FileOperation::read && operation != FileOperation::size && operation != FileOperation::list;
}

}  // namespace

Chooser keep_nothing() {
  return [](std::size_t) { return std::size_t{0}; };
}

Chooser keep_everything() {
  return [](std::size_t count) { return count - 1; };
}

Chooser choose_by_seed(std::uint64_t seed) {
  return [state = seed](std::size_t count) mutable {
    state += 0x9E3779B97F4A7C15;  // splitmix64
    std::uint64_t mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return static_cast<std::size_t>((mixed ^ (mixed >> 31)) % count);
  };
}

class MemoryFiles::OpenFile final : public wal::File {
 public:
  OpenFile(MemoryFiles& machine, std::shared_ptr<Node> node, std::string path, bool writable)
      : machine_(machine),
        node_(std::move(node)),
        path_(std::move(path)),
        process_(machine.process_),
        writable_(writable) {}

  Result<std::size_t> write_at(std::uint64_t offset, BytesView bytes) override {
    const std::lock_guard guard(machine_.mutex_);
    if (auto refused = refuse({FileOperation::write, path_, offset, bytes.size()})) {
      return *refused;
    }
    if (!writable_) {
      return error_of(ErrorKind::io, "write, it was opened for reading:", path_);
    }
    bytes = bytes.substr(0, machine_.most_written());
    if (machine_.full_ && directory_of(path_) != machine_.spared_) {
      const std::uint64_t size = node_->current.size();
      const std::size_t room = size - std::min(offset, size);
      if (room == 0 && !bytes.empty()) {
        return error_of(ErrorKind::no_space, "write, the disk is full:", path_);
      }
      bytes = bytes.substr(0, room);
    }
    node_->write(offset, bytes);
    return bytes.size();
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    const std::lock_guard guard(machine_.mutex_);
    if (auto refused = refuse({FileOperation::read, path_, offset, into.size()})) {
      return *refused;
    }
    const std::uint64_t size = node_->current.size();
    const std::size_t count = std::min<std::uint64_t>(into.size(), size - std::min(offset, size));
    std::copy_n(node_->current.begin() + static_cast<std::ptrdiff_t>(std::min(offset, size)), count, into.begin());
    return count;
  }

  Result<void> sync() override {
    const std::lock_guard guard(machine_.mutex_);
    auto refused = refuse({FileOperation::sync, path_});
    if (refused && std::exchange(machine_.forgets_, false)) {
      node_->unsynced.clear();
    }
    failed_ = failed_ || refused;
    if (failed_) {
      return refused.value_or(error_of(ErrorKind::io, "sync (an earlier sync of it has failed)", path_));
    }
    machine_.sync(*node_);
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::lock_guard guard(machine_.mutex_);
    if (auto refused = refuse({FileOperation::size, path_})) {
      return *refused;
    }
    return node_->current.size();
  }

 private:
  std::optional<Error> refuse(const FileCall& call) {
    if (process_ != machine_.process_) {
      return error_of(ErrorKind::io, "use, the process is dead:", path_);
    }
    return machine_.refuse(call);
  }

  MemoryFiles& machine_;
  std::shared_ptr<Node> node_;
  std::string path_;
  std::uint64_t process_;
  bool writable_;
  bool failed_ = false;
};

class MemoryFiles::HeldLock final : public wal::FileLock {
 public:
  HeldLock(MemoryFiles& machine, std::string path)
      : machine_(machine), path_(std::move(path)), process_(machine.process_) {}
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock() override {
    const std::lock_guard guard(machine_.mutex_);
    if (process_ == machine_.process_) {
      machine_.locked_.erase(path_);
    }
  }

 private:
  MemoryFiles& machine_;
  std::string path_;
  std::uint64_t process_;
};

MemoryFiles::MemoryFiles() = default;
MemoryFiles::~MemoryFiles() = default;

void MemoryFiles::set_fault(std::function<std::optional<Error>(const FileCall&)> fault) {
  const std::lock_guard guard(mutex_);
  fault_ = std::move(fault);
}

void MemoryFiles::set_most_written(std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  STRATA_ASSERT(bytes > 0);
  most_written_ = bytes;
}

void MemoryFiles::shorten(std::uint64_t call, std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  STRATA_ASSERT(bytes > 0);
  shortened_ = call;
  shortened_to_ = bytes;
}

// Of the call that was counted last.
std::size_t MemoryFiles::most_written() const {
  return shortened_ && *shortened_ + 1 == calls_ ? std::min(shortened_to_, most_written_) : most_written_;
}

void MemoryFiles::make_volatile(const std::string& directory) {
  const std::lock_guard guard(mutex_);
  volatile_directory_ = directory;
}

bool MemoryFiles::goes_with_power(const Change& change) const {
  return !volatile_directory_.empty() &&
         directory_of(change.set.empty() ? change.erased : change.set) == volatile_directory_;
}

std::uint64_t MemoryFiles::calls() const {
  const std::lock_guard guard(mutex_);
  return calls_;
}

void MemoryFiles::stop_at(std::uint64_t call) {
  const std::lock_guard guard(mutex_);
  stop_at_ = call;
}

std::optional<Error> MemoryFiles::refuse(const FileCall& call) {
  const bool stopped = stop_at_ && calls_ >= *stop_at_;
  if (counts(call.operation)) {
    ++calls_;
  }
  if (stopped) {
    return error_of(ErrorKind::io, "reach the stopped machine for", std::string(call.path));
  }
  // Who ends with this call hears nothing of its failure: that is for the next one to hear.
  const bool is_last = stop_at_ && calls_ >= *stop_at_;
  return fault_ && !is_last ? fault_(call) : std::nullopt;
}

void MemoryFiles::end_process() {
  ++process_;
  locked_.clear();
  stop_at_.reset();
}

void MemoryFiles::kill_process() {
  const std::lock_guard guard(mutex_);
  end_process();
}

void MemoryFiles::decide_content(Node& node, const Chooser& choose, bool garbled) {
  Bytes survived = node.synced;
  if (node.has_unsynced_size() && choose(2) == 1) {
    survived.resize(node.current.size(), '\0');
  }
  for (const auto& [sector, written] : node.versions()) {
    const std::uint64_t start = sector * sector_size;
    if (garbled) {
      garble(survived, start, written.back(), choose);
    }
    const std::size_t choice = choose(written.size() + 1);
    if (choice > 0 && start < survived.size()) {
      const BytesView version = written[choice - 1];
      const std::size_t count = std::min<std::size_t>(version.size(), survived.size() - start);
      version.copy(survived.data() + start, count);
    }
  }
  node.unsynced.clear();
  node.synced = survived;
  node.current = std::move(survived);
}

void MemoryFiles::lose_power(const Chooser& choose, bool garbled) {
  const std::lock_guard guard(mutex_);
  end_process();
  for (const std::weak_ptr<Node>& weak : nodes_) {
    if (const std::shared_ptr<Node> node = weak.lock(); node && !node->goes_with_power) {
      show_spoilt(*node);
      decide_content(*node, choose, garbled);
    }
  }
  for (const Change& change : changes_) {
    if (choose(2) == 1) {
      apply(durable_names_, change);
    }
  }
  changes_.clear();
  names_ = durable_names_;
}

std::size_t MemoryFiles::undecided() const {
  const std::lock_guard guard(mutex_);
  std::size_t count = changes_.size();
  for (const std::weak_ptr<Node>& weak : nodes_) {
    if (const std::shared_ptr<Node> node = weak.lock(); node && !node->goes_with_power) {
      count += node->versions().size() + (node->has_unsynced_size() ? 1 : 0);
    }
  }
  return count;
}

std::unique_ptr<MemoryFiles> MemoryFiles::copy() const {
  const std::lock_guard guard(mutex_);
  auto other = std::make_unique<MemoryFiles>();
  copy_files_to(*other);
  return other;
}

void MemoryFiles::copy_files_to(MemoryFiles& other) const {
  std::map<std::shared_ptr<Node>, std::shared_ptr<Node>> copies{{nullptr, nullptr}};
  for (const std::weak_ptr<Node>& weak : nodes_) {
    if (const std::shared_ptr<Node> node = weak.lock()) {
      copies[node] = std::make_shared<Node>(*node);
      other.nodes_.push_back(copies[node]);
    }
  }
  for (const auto& [name, node] : names_) {
    other.names_[name] = copies.at(node);
  }
  for (const auto& [name, node] : durable_names_) {
    other.durable_names_[name] = copies.at(node);
  }
  for (const Change& change : changes_) {
    other.changes_.push_back({change.erased, change.set, copies.at(change.node)});
  }
  other.directories_ = directories_;
  other.volatile_directory_ = volatile_directory_;
}

Bytes MemoryFiles::content(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  return names_.at(path)->current;
}

void MemoryFiles::set_content(const std::string& path, BytesView bytes) {
  const std::lock_guard guard(mutex_);
  const auto found = names_.find(path);
  const std::shared_ptr<Node> node = found == names_.end() ? add_node() : found->second;
  node->current = Bytes(bytes);
  node->synced = node->current;
  node->unsynced.clear();
  names_[path] = node;
  durable_names_[path] = node;
}

bool MemoryFiles::exists(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  return names_.contains(path);
}

const Bytes* MemoryFiles::content_of(const std::string& path, bool durable) const {
  const Names& names = durable ? durable_names_ : names_;
  const auto found = names.find(path);
  return found == names.end() ? nullptr : durable ? &found->second->synced : &found->second->current;
}

std::optional<std::uint64_t> MemoryFiles::size_of(const std::string& path, bool durable) const {
  const std::lock_guard guard(mutex_);
  const Bytes* content = content_of(path, durable);
  return content == nullptr ? std::nullopt : std::optional<std::uint64_t>(content->size());
}

std::size_t MemoryFiles::look(const std::string& path, bool durable, std::uint64_t offset, std::span<char> into) const {
  const std::lock_guard guard(mutex_);
  const Bytes* content = content_of(path, durable);
  return content == nullptr || offset >= content->size() ? 0 : content->copy(into.data(), into.size(), offset);
}

std::vector<std::string> MemoryFiles::names_in(const std::string& directory, bool durable) const {
  const std::lock_guard guard(mutex_);
  return names_in(durable ? durable_names_ : names_, directory);
}

std::vector<std::string> MemoryFiles::names_in(const Names& names, const std::string& directory) {
  std::vector<std::string> found;
  for (const auto& [name, node] : names) {
    if (directory_of(name) == directory) {
      found.push_back(name.substr(name.rfind('/') + 1));
    }
  }
  return found;
}

std::shared_ptr<MemoryFiles::Node> MemoryFiles::add_node() {
  std::erase_if(nodes_, [](const std::weak_ptr<Node>& node) { return node.expired(); });
  auto node = std::make_shared<Node>();
  nodes_.push_back(node);
  return node;
}

void MemoryFiles::apply(Names& names, const Change& change) {
  if (!change.erased.empty()) {
    names.erase(change.erased);
  }
  if (!change.set.empty()) {
    names[change.set] = change.node;
  }
}

void MemoryFiles::change(Change change) {
  apply(names_, change);
  if (!goes_with_power(change)) {
    changes_.push_back(std::move(change));
  } else if (change.node) {
    change.node->goes_with_power = true;
  }
}

Result<std::unique_ptr<wal::File>> MemoryFiles::open(const std::string& path) {
  return open(path, true);
}

Result<std::unique_ptr<wal::File>> MemoryFiles::open_to_read(const std::string& path) {
  return open(path, false);
}

Result<std::unique_ptr<wal::File>> MemoryFiles::open(const std::string& path, bool writable) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::open, path})) {
    return *refused;
  }
  const auto found = names_.find(path);
  if (found == names_.end()) {
    return error_of(ErrorKind::not_found, "open, it is not there:", path);
  }
  return std::unique_ptr<wal::File>(std::make_unique<OpenFile>(*this, found->second, path, writable));
}

Result<std::unique_ptr<wal::File>> MemoryFiles::create(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::create, path})) {
    return *refused;
  }
  if (!directories_.contains(directory_of(path))) {
    return error_of(ErrorKind::not_found, "create, its directory is not there:", path);
  }
  const auto found = names_.find(path);
  if (found == names_.end()) {
    change({"", path, add_node()});
  } else {
    found->second->current.clear();
    found->second->unsynced.clear();
  }
  return std::unique_ptr<wal::File>(std::make_unique<OpenFile>(*this, names_.at(path), path, true));
}

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::rename, from})) {
    return *refused;
  }
  const auto found = names_.find(from);
  if (found == names_.end()) {
    return error_of(ErrorKind::not_found, "rename, it is not there:", from);
  }
  change({from, to, found->second});
  return {};
}

Result<void> MemoryFiles::remove(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::remove, path})) {
    return *refused;
  }
  if (!names_.contains(path)) {
    return error_of(ErrorKind::not_found, "remove, it is not there:", path);
  }
  change({path, "", nullptr});
  return {};
}

Result<void> MemoryFiles::sync_directory(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::sync_directory, path})) {
    return *refused;
  }
  const auto here = [&](const Change& change) {
    return directory_of(change.set.empty() ? change.erased : change.set) == path;
  };
  for (const Change& change : changes_) {
    if (here(change)) {
      apply(durable_names_, change);
    }
  }
  std::erase_if(changes_, here);
  return {};
}

Result<void> MemoryFiles::make_directory(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::make_directory, path})) {
    return *refused;
  }
  directories_.insert(path);
  return {};
}

void MemoryFiles::mount_again() {
  const std::lock_guard guard(mutex_);
  mounts_ += 1;
}

// No choice of an oracle or a fault: it is told by the kernel alone.
Result<std::string> MemoryFiles::mount_of(const std::string& /*path*/) {
  const std::lock_guard guard(mutex_);
  return std::to_string(mounts_);
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::list, path})) {
    return *refused;
  }
  return names_in(names_, path);
}

Result<void> MemoryFiles::look_at_lock(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::open, path})) {
    return *refused;
  }
  return locked_.contains(path) ? Result<void>(error_of(ErrorKind::in_use, "lock, another has it:", path))
                                : Result<void>();
}

Result<std::unique_ptr<wal::FileLock>> MemoryFiles::lock(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (auto refused = refuse({FileOperation::lock, path})) {
    return *refused;
  }
  if (!locked_.insert(path).second) {
    return error_of(ErrorKind::in_use, "lock, another has it:", path);
  }
  return std::unique_ptr<wal::FileLock>(std::make_unique<HeldLock>(*this, path));
}

}  // namespace strata::test
