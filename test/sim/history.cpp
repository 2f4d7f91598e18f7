#include "sim/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <system_error>

#include "base/assert.hpp"
#include "sim/linearizability.hpp"

namespace strata::sim {

namespace {

constexpr std::string_view empty_prefix = "empty-";
constexpr std::uint64_t value_magic = 0x65756c6176206d73;

std::string describe(WriteName name) {
  return fmt::format("SET {} of client {}", name.value & 0xffff'ffff, name.value >> 32);
}

}  // namespace

WriteName write_name(std::uint32_t client, std::uint64_t number) {
  return WriteName(std::uint64_t{client} << 32 | number);
}

Bytes value_of(WriteName name, std::size_t size) {
  Bytes value;
  ByteWriter writer(value);
  writer.number(value_magic);
  writer.number(name.value);
  value.resize(std::max(size, value.size()), static_cast<char>('a' + name.value % 26));
  return value;
}

std::optional<WriteName> name_in(BytesView value) {
  ByteReader reader(value);
  const auto magic = reader.number<std::uint64_t>();
  const WriteName name(reader.number<std::uint64_t>());
  if (!reader.ok() || magic != value_magic || value != value_of(name, value.size())) {
    return std::nullopt;
  }
  return name;
}

Bytes key_of_empty(WriteName name) {
  return fmt::format("{}{}", empty_prefix, name.value);
}

std::optional<WriteName> name_of(BytesView key, BytesView value) {
  if (!value.empty()) {
    return name_in(value);
  }
  std::uint64_t number = 0;
  const BytesView digits = key.starts_with(empty_prefix) ? key.substr(empty_prefix.size()) : BytesView();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole ? std::optional(WriteName(number)) : std::nullopt;
}

History::Operation History::invoke_set(const Bytes& key, WriteName name, TimePoint now,
                                       std::optional<LogIndex> only_if) {
  const Operation operation = invoke(key, true, name, now);
  records_[operation].only_if = only_if;
  return operation;
}

History::Operation History::invoke_get(const Bytes& key, TimePoint now) {
  return invoke(key, false, WriteName(), now);
}

History::Operation History::invoke(const Bytes& key, bool write, WriteName name, TimePoint now) {
  Record record;
  record.key = known_.try_emplace(key).first;
  record.write = write;
  record.name = name;
  record.known = record.key->second;
  record.invoked = now;
  records_.push_back(record);
  return records_.size() - 1;
}

void History::complete(Record& record, LogIndex revision, TimePoint now) {
  record.completed = now;
  record.revision = revision;
  record.key->second = std::max(record.key->second, revision);
  ++completed_;
}

// The order of revisions is the order in which the writes took effect: a write that begins after a revision is known
// gets a greater one.
std::optional<std::string> History::stored(Operation operation, LogIndex revision, const CommittedSet* committed,
                                           TimePoint now) {
  Record& record = records_[operation];
  if (committed == nullptr || committed->name != record.name) {
    return fmt::format("{} was answered OK at revision {}, where another entry is committed", describe(record.name),
                       revision);
  }
  if (revision <= record.known && !is_spoiled(record)) {
    return fmt::format("{} was stored at revision {}, but began after revision {} of its key was known",
                       describe(record.name), revision, record.known);
  }
  complete(record, revision, now);
  return std::nullopt;
}

// And a read that begins after a revision is known sees that one or a later one.
std::optional<std::string> History::found(Operation operation, BytesView value, LogIndex revision,
                                          const CommittedSet* committed, TimePoint now) {
  Record& record = records_[operation];
  const std::optional<WriteName> name = name_of(record.key->first, value);
  if (!name || committed == nullptr || committed->name != *name || committed->key != record.key->first) {
    return fmt::format("a GET of {} found a value at revision {} that is not what the log has there", record.key->first,
                       revision);
  }
  if (revision < record.known && !is_spoiled(record)) {
    return fmt::format("a GET of {} found revision {} ({}), but began after revision {} was known", record.key->first,
                       revision, describe(*name), record.known);
  }
  record.name = *name;
  complete(record, revision, now);
  return std::nullopt;
}

std::optional<std::string> History::found_nothing(Operation operation, TimePoint now) {
  Record& record = records_[operation];
  if (record.known != LogIndex() && !is_spoiled(record)) {
    return fmt::format("a GET of {} found nothing, but began after revision {} was known", record.key->first,
                       record.known);
  }
  complete(record, LogIndex(), now);
  return std::nullopt;
}

void History::lost_from(LogIndex first) {
  for (auto& [key, known] : known_) {
    if (known >= first) {
      spoiled_.insert(key);
      known = LogIndex();
    }
  }
  lost_ += static_cast<std::size_t>(std::ranges::count_if(records_, [&](const Record& record) {
    return record.write && record.completed && !record.is_gone && record.revision >= first;
  }));
  for (Record& record : records_) {
    record.is_gone = record.is_gone || (record.completed && record.revision >= first);
  }
}

void History::answered_with_what_is_gone(Operation operation) {
  Record& record = records_[operation];
  spoiled_.insert(record.key->first);
  record.is_gone = true;
  lost_ += record.write ? 1u : 0u;
  ++completed_;
}

void History::refused(Operation operation) {
  records_[operation].is_refused = true;
}

std::optional<std::string> History::check() const {
  std::map<Bytes, std::vector<RegisterOperation>> registers;
  for (const Record& record : records_) {
    const bool counts = record.completed || (record.write && !record.is_refused);
    if (counts && !is_spoiled(record)) {
      registers[record.key->first].push_back(
          {record.write, record.name.value, record.invoked, record.completed.value_or(TimePoint::max())});
    }
  }
  for (const auto& [key, operations] : registers) {
    if (!is_linearizable(operations)) {
      return fmt::format("the history of {} is not linearizable", key);
    }
  }
  return check_conditions();
}

// A SET with IF that was stored follows on the revision it names: nobody knows one between the two.
std::optional<std::string> History::check_conditions() const {
  std::map<Bytes, std::set<LogIndex>> revisions;
  for (const Record& record : records_) {
    if (record.completed && !is_spoiled(record)) {
      revisions[record.key->first].insert(record.revision);
    }
  }
  for (const Record& record : records_) {
    if (!record.completed || !record.only_if || is_spoiled(record)) {
      continue;
    }
    const std::set<LogIndex>& known = revisions[record.key->first];
    const auto next = known.upper_bound(*record.only_if);
    if (next == known.end() || *next != record.revision) {
      return fmt::format("{} was stored at revision {} though its IF named {}, and another is between them",
                         describe(record.name), record.revision, *record.only_if);
    }
  }
  return std::nullopt;
}

}  // namespace strata::sim
