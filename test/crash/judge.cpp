#include "crash/judge.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "support/log_samples.hpp"

namespace strata::crash {

namespace {

constexpr std::uint64_t last_term = 99;  // of what is appended at the end

Result<wal::DataDirectory> open(test::MemoryFiles& files, Durability ack, const char* boot_id) {
  test::KeptLines lines;
  return wal::open_data_directory(files, log_options(), lines, run_options(ack, boot_id));
}

std::string differs(const wal::DataDirectory& data, const Found& before) {
  if (data.log->end() != before.end || data.log->last_index() != before.last.index ||
      data.snapshots->newest() != before.snapshot) {
    return fmt::format("the log ends at {}/{} with index {}, before it did at {}/{} with {}", data.log->end().segment,
                       data.log->end().offset, data.log->last_index(), before.end.segment, before.end.offset,
                       before.last.index);
  }
  if (data.log->recovered().torn_bytes != 0) {
    return fmt::format("{} more bytes were cut", data.log->recovered().torn_bytes);
  }
  const wal::Metadata& metadata = data.metadata->current();
  if (metadata.term != before.vote.term || metadata.vote != before.vote.node) {
    return "another term or vote";
  }
  std::vector<Entry> entries;
  const LogIndex first = before.snapshot.index.next();
  if (first <= before.last.index) {
    const auto read = data.log->replay(first, before.last.index, [&](const Entry& entry) { entries.push_back(entry); });
    if (!read) {
      return read.error().text;
    }
  }
  return test::same_entries(entries, before.entries) ? "" : "other entries than before";
}

}  // namespace

std::string Judge::survives(test::MemoryFiles& files, const Promise& promise) const {
  Found found;
  {
    const auto data = open(files, ack_, boot_id_);
    if (!data) {
      return data.error().text;
    }
    if (std::string fault = compare(*data, history_, promise, found); !fault.empty()) {
      return fault;
    }
  }
  files.kill_process();
  if (std::string fault = opens_again(files, found); !fault.empty()) {
    return "second opening: " + fault;
  }
  files.lose_power(test::keep_nothing());
  const auto data = open(files, ack_, last_boot);
  const std::string fault = data ? differs(*data, found) : data.error().text;
  if (!fault.empty()) {
    return "third opening, behind a loss of power: " + fault;
  }
  const Standing standing = ack_ == Durability::written ? Standing::recovering : Standing::sound;
  return data->standing == standing ? "" : "third opening: the loss of power was not noticed, or cast a doubt";
}

// As it was; then it goes on, with two more entries.
std::string Judge::opens_again(test::MemoryFiles& files, Found& found) const {
  const auto data = open(files, ack_, boot_id_);
  if (!data) {
    return data.error().text;
  }
  if (std::string fault = differs(*data, found); !fault.empty()) {
    return fault;
  }
  if (found.standing == Standing::recovering && data->standing != Standing::recovering) {
    return "it is not recovering any more";
  }
  const std::uint64_t next = found.last.index.value + 1;
  const std::vector<Entry> more = test::sample_entries(next, next + 1, last_term, 77);
  const auto target = data->log->append(more, {data->log->end(), found.last.index});
  if (!target || !target->sync()) {
    return "the log does not go on";
  }
  found.end = target->end;
  found.last = {LogIndex(next + 1), Term(last_term)};
  found.entries.insert(found.entries.end(), more.begin(), more.end());
  return "";
}

std::string Judge::refused(test::MemoryFiles& files, ErrorKind kind, std::string_view part,
                           const std::string& file) const {
  const Bytes before = file.empty() ? Bytes() : files.content(file);
  for (int opening = 1; opening <= 2; ++opening) {
    const auto data = open(files, ack_, boot_id_);
    if (data) {
      return fmt::format("it opened, with {} records, {} bytes cut", data->log->recovered().records,
                         data->log->recovered().torn_bytes);
    }
    if (data.error().kind != kind || data.error().text.find(part) == std::string::npos) {
      return "refused for another reason: " + data.error().text;
    }
    if (!file.empty() && files.content(file) != before) {
      return "it was refused, and changed all the same";
    }
    files.kill_process();
  }
  return "";
}

}  // namespace strata::crash
