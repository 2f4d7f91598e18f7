// What a disk does to a file that no file system can be asked for.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "support/memory_node.hpp"

namespace strata::test {

void MemoryFiles::garble(Bytes& survived, std::uint64_t start, BytesView newest, const Chooser& choose) {
  constexpr std::size_t one_in = 4;
  if (choose(one_in) != 1) {
    return;
  }
  constexpr std::size_t byte_values = 256;
  for (std::uint64_t at = start; at < std::min<std::uint64_t>(survived.size(), start + newest.size()); ++at) {
    if (survived[at] != newest[at - start]) {
      survived[at] = static_cast<char>(choose(byte_values));
    }
  }
}

void MemoryFiles::set_full(bool full) {
  const std::lock_guard guard(mutex_);
  full_ = full;
}

void MemoryFiles::spare(std::string directory) {
  const std::lock_guard guard(mutex_);
  spared_ = std::move(directory);
}

void MemoryFiles::forget_at_failed_sync() {
  const std::lock_guard guard(mutex_);
  forgets_ = true;
}

void MemoryFiles::spoil_next_sync(Spoiling spoiling, Chooser choose) {
  const std::lock_guard guard(mutex_);
  spoiling_ = spoiling;
  spoils_ = std::move(choose);
}

void MemoryFiles::sync(Node& node) {
  std::vector<std::uint64_t> sectors;
  for (const auto& [sector, written] : node.versions()) {
    sectors.push_back(sector);
    node.spoilt.erase(sector);
  }
  if (!spoils_ || sectors.empty()) {
    node.sync();
    return;
  }
  const Bytes before = node.synced;
  node.sync();
  spoil(node, before, sectors);
}

void MemoryFiles::spoil(Node& node, const Bytes& before, const std::vector<std::uint64_t>& sectors) {
  const Chooser choose = std::exchange(spoils_, nullptr);
  const std::uint64_t sector = sectors[choose(sectors.size())];
  const Bytes written = node.synced.substr(sector * sector_size, sector_size);
  Bytes old = sector * sector_size < before.size() ? before.substr(sector * sector_size, sector_size) : Bytes();
  old.resize(written.size(), '\0');
  node.spoilt[sector] = old;
  if (spoiling_ == Spoiling::misdirected) {
    node.spoilt[choose((node.synced.size() + sector_size - 1) / sector_size)] = written;
  }
}

bool MemoryFiles::limit_spoilt(const std::function<bool(const std::string& path, std::uint64_t end)>& may) {
  const std::lock_guard guard(mutex_);
  std::map<Node*, std::string> paths;
  for (const auto& [name, node] : durable_names_) {
    paths[node.get()] = name;
  }
  bool any = false;
  for (const std::weak_ptr<Node>& weak : nodes_) {
    if (const std::shared_ptr<Node> node = weak.lock()) {
      const auto path = paths.find(node.get());
      std::erase_if(node->spoilt, [&](const auto& spoilt) {
        return path == paths.end() || !may(path->second, (spoilt.first + 1) * sector_size);
      });
      any = any || !node->spoilt.empty();
    }
  }
  return any;
}

void MemoryFiles::show_spoilt(Node& node) {
  for (const auto& [sector, content] : std::exchange(node.spoilt, {})) {
    const std::uint64_t start = sector * sector_size;
    if (start < node.synced.size()) {
      const std::size_t count = std::min<std::size_t>(content.size(), node.synced.size() - start);
      has_decayed_ = has_decayed_ || node.synced.compare(start, count, content, 0, count) != 0;
      node.synced.replace(start, count, content, 0, count);
      node.decayed.emplace_back(start, start + count);
    }
  }
}

void MemoryFiles::rot(const std::string& path, std::uint64_t offset, unsigned bit) {
  const std::lock_guard guard(mutex_);
  Node& node = *durable_names_.at(path);
  const auto flipped = static_cast<char>(node.synced.at(offset) ^ static_cast<char>(1U << bit));
  if (offset < node.current.size() && node.current[offset] == node.synced[offset]) {
    node.current[offset] = flipped;
  }
  node.synced[offset] = flipped;
  node.decayed.emplace_back(offset, offset + 1);
  has_decayed_ = true;
}

bool MemoryFiles::has_decayed() const {
  const std::lock_guard guard(mutex_);
  return has_decayed_;
}

bool MemoryFiles::has_decayed(const std::string& path, std::uint64_t from, std::uint64_t to) const {
  const std::lock_guard guard(mutex_);
  const auto found = names_.find(path);
  return found != names_.end() && std::ranges::any_of(found->second->decayed, [&](const auto& decayed) {
           return decayed.first < to && decayed.second > from;
         });
}

void MemoryFiles::erase_all() {
  STRATA_ASSERT(locked_.empty());
  nodes_.clear();
  names_.clear();
  durable_names_.clear();
  changes_.clear();
  directories_.clear();
}

void MemoryFiles::replace() {
  const std::lock_guard guard(mutex_);
  erase_all();
}

void MemoryFiles::become(const MemoryFiles& other) {
  const std::scoped_lock guard(mutex_, other.mutex_);
  erase_all();
  other.copy_files_to(*this);
}

}  // namespace strata::test
