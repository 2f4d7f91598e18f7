#include "bench/verifier.hpp"

#include <algorithm>

namespace strata::bench {

void Verifier::acknowledged(const Operation& write, std::uint64_t revision) {
  Newest& newest = newest_[write.key];
  if (revision > newest.revision) {
    newest = {revision, write.number};
  }
}

void Verifier::unknown(const Operation& write) {
  unknown_.emplace(write.key, write.number);
}

std::vector<std::uint64_t> Verifier::keys() const {
  std::vector<std::uint64_t> keys;
  for (std::uint64_t key = 0; key < newest_.size(); ++key) {
    if (newest_[key].revision != 0) {
      keys.push_back(key);
    }
  }
  return keys;
}

Verifier::Verdict Verifier::judge(const Workload& workload, std::uint64_t key,
                                  const std::optional<client::Found>& read) const {
  const Newest& newest = newest_[key];
  if (!read || read->revision < newest.revision) {
    return Verdict::lost;
  }
  if (read->revision == newest.revision) {
    return read->value == workload.value(newest.number) ? Verdict::good : Verdict::wrong;
  }
  const auto [begin, end] = unknown_.equal_range(key);
  const bool known_writer =
      std::any_of(begin, end, [&](const auto& write) { return read->value == workload.value(write.second); });
  return known_writer ? Verdict::good : Verdict::wrong;
}

}  // namespace strata::bench
