// Entries, options and a logger for tests that work on a log.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.hpp"
#include "base/log.hpp"
#include "wal/log.hpp"

namespace strata::test {

// Keeps what is logged. Any thread.
class KeptLines final : public Logger {
 public:
  void write(LogLevel, std::string_view event) override {
    const std::lock_guard guard(mutex_);
    lines_.emplace_back(event);
  }
  bool has(std::string_view part) const {
    const std::lock_guard guard(mutex_);
    return std::any_of(lines_.begin(), lines_.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// An entry whose payload of `size` bytes differs from that of any other index or term.
inline Entry sample_entry(std::uint64_t index, std::uint64_t term, std::size_t size) {
  Bytes payload(size, '\0');
  std::uint64_t state = index * 1'000'003 + term;
  for (char& byte : payload) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56);
  }
  return make_entry(EntryType::command, Term(term), LogIndex(index), payload);
}

inline std::vector<Entry> sample_entries(std::uint64_t first, std::uint64_t last, std::uint64_t term,
                                         std::size_t size) {
  std::vector<Entry> entries;
  for (std::uint64_t index = first; index <= last; ++index) {
    entries.push_back(sample_entry(index, term, size));
  }
  return entries;
}

inline bool same_entries(const std::vector<Entry>& a, const std::vector<Entry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Entry& left, const Entry& right) {
    return left.term == right.term && left.index == right.index && left.type == right.type &&
           left.body.view() == right.body.view();
  });
}

inline wal::LogOptions sample_options(std::uint64_t segment_size) {
  wal::LogOptions options;
  options.directory = "data";
  options.segment_size = segment_size;
  options.cluster = ClusterId(0x5354524154413031);
  options.node = NodeId(2);
  return options;
}

// Every current entry, or the error that kept one from being read.
inline Result<std::vector<Entry>> all_entries(wal::Log& log) {
  std::vector<Entry> entries;
  if (log.last_index() == LogIndex(0)) {
    return entries;
  }
  const Result<void> replayed =
      log.replay(LogIndex(1), log.last_index(), [&](const Entry& entry) { entries.push_back(entry); });
  if (!replayed) {
    return replayed.error();
  }
  return entries;
}

}  // namespace strata::test
