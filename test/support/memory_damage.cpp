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
  if (!spoils_ || node.unsynced.empty()) {
    node.sync();
    return;
  }
  const Chooser choose = std::exchange(spoils_, nullptr);
  std::vector<std::uint64_t> sectors;
  for (const auto& [sector, written] : node.versions()) {
    sectors.push_back(sector);
  }
  const Bytes before = node.synced;
  node.sync();
  const std::uint64_t sector = sectors[choose(sectors.size())];
  const Bytes written = node.synced.substr(sector * sector_size, sector_size);
  Bytes old = sector * sector_size < before.size() ? before.substr(sector * sector_size, sector_size) : Bytes();
  old.resize(written.size(), '\0');
  node.synced.replace(sector * sector_size, written.size(), old);
  if (spoiling_ == Spoiling::misdirected) {
    const std::uint64_t elsewhere = choose((node.synced.size() + sector_size - 1) / sector_size) * sector_size;
    const std::size_t count = std::min<std::size_t>(written.size(), node.synced.size() - elsewhere);
    node.synced.replace(elsewhere, count, written, 0, count);
  }
}

bool MemoryFiles::rot(const Chooser& choose) {
  const std::lock_guard guard(mutex_);
  std::vector<std::shared_ptr<Node>> full;
  for (const auto& [name, node] : durable_names_) {
    if (!node->synced.empty()) {
      full.push_back(node);
    }
  }
  if (full.empty()) {
    return false;
  }
  constexpr std::size_t bits = 8;
  Node& node = *full[choose(full.size())];
  const std::size_t at = choose(node.synced.size());
  const auto flipped = static_cast<char>(node.synced[at] ^ static_cast<char>(1U << choose(bits)));
  if (at < node.current.size() && node.current[at] == node.synced[at]) {
    node.current[at] = flipped;
  }
  node.synced[at] = flipped;
  return true;
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
