#include "crash/promise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "support/log_samples.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::crash {

namespace {

std::vector<Standing> standings_after(const Told& told, Durability ack, End end) {
  const Standing doubtful = doubtful_at(ack);
  if (told.ended || (end == End::process_died && !told.poisoned)) {
    return {Standing::sound};
  }
  return told.end_begun ? std::vector{Standing::sound, doubtful} : std::vector{doubtful};
}

// Where the log ends, and what it holds behind the snapshot, when `records` of the story's are left.
struct Expected {
  wal::Position end;
  wal::Position or_end;  // as good: the next segment was begun already
  LogIndex last;
  std::size_t skipped = 0;  // of the content's entries: they are in the snapshot
};

wal::Position behind(wal::Position end, std::uint32_t size) {
  return {end.segment, end.offset + size};
}

Expected expected_after(const History& history, std::size_t records, EntryId snapshot) {
  const LogContent& content = history.after(records);
  const wal::Position end = history.end_after(records);
  const wal::Position next{end.segment + 1, wal::segment_head_size};
  if (snapshot.index < content.base.index) {
    return {end, next, content.last_index(), 0};
  }
  if (content.term_at(snapshot.index) == snapshot.term) {
    return {end, next, content.last_index(), snapshot.index - content.base.index};
  }
  // It begins anew behind the snapshot.
  const auto restart = static_cast<std::uint32_t>(wal::record_size(0));
  return {behind(History::place_behind(end, restart), restart), behind(next, restart), snapshot.index,
          content.entries.size()};
}

bool same(const Entry& one, const Entry& other) {
  return one.term == other.term && one.index == other.index && one.type == other.type &&
         one.body.view() == other.body.view();
}

bool holds(const Found& found, const Expected& expected, const std::vector<Entry>& entries) {
  return (found.end == expected.end || found.end == expected.or_end) && found.last.index == expected.last &&
         std::equal(found.entries.begin(), found.entries.end(),
                    entries.begin() + static_cast<std::ptrdiff_t>(expected.skipped), entries.end(), same);
}

std::string compare_log(const Found& found, const History& history, const Promise& promise) {
  for (std::size_t records = promise.most + 1; records-- > promise.least;) {
    if (holds(found, expected_after(history, records, found.snapshot), history.after(records).entries)) {
      return "";
    }
  }
  return fmt::format(
      "the log ends at {}/{} with index {}, {} entries behind the snapshot up to {}: this is not what "
      "{} to {} records make, of which the last ends at {}/{}",
      found.end.segment, found.end.offset, found.last.index, found.entries.size(), found.snapshot.index, promise.least,
      promise.most, history.end_after(promise.most).segment, history.end_after(promise.most).offset);
}

std::string compare_vote(const Found& found, const Promise& promise) {
  // A snapshot of a later term proves that the process ended before it could save that: then it has not voted in it.
  const bool good = std::ranges::any_of(promise.votes, [&](const Vote& vote) {
    const bool later = found.snapshot.term > vote.term;
    return found.vote.term == std::max(vote.term, found.snapshot.term) &&
           found.vote.node == (later ? NodeId() : vote.node);
  });
  return good ? ""
              : fmt::format("term {} with a vote for {}, {} with {} was saved", found.vote.term, found.vote.node,
                            promise.votes.front().term, promise.votes.front().node);
}

std::string compare_run(const wal::DataDirectory& data, const Promise& promise) {
  const Incarnation last(data.metadata->current().incarnation.value - 1);
  if (last < promise.least_incarnation || last > promise.most_incarnation) {
    return fmt::format("incarnation {} before this one, {} was saved", last, promise.least_incarnation);
  }
  if (promise.least_incarnation == Incarnation()) {
    return last == Incarnation() && data.standing != Standing::sound ? "a first run is not sound" : "";
  }
  const bool known = last == promise.least_incarnation;
  std::vector<Standing> standings = known ? promise.standings : promise.later_standings;
  const bool same_kernel = known ? promise.same_kernel : promise.later_same_kernel;
  if (data.log->recovered().torn_bytes == 0 && !same_kernel) {
    std::ranges::replace(standings, Standing::abstaining, Standing::sound);
  }
  return std::ranges::count(standings, data.standing) > 0
             ? ""
             : fmt::format("standing {}, not {}", static_cast<int>(data.standing), static_cast<int>(standings.front()));
}

Result<Bytes> content_of(wal::SnapshotStore& store, const wal::SnapshotFile& file) {
  auto reader = store.read(file.last_included);
  return reader ? (*reader)->read(0, file.size + 1) : Result<Bytes>(reader.error());
}

std::string compare_snapshots(wal::SnapshotStore& store, const History& history, const Promise& promise) {
  const std::vector<EntryId>& all = history.snapshots();
  for (const wal::SnapshotFile& file : store.kept()) {
    const Result<Bytes> content = content_of(store, file);
    if (std::ranges::count(all, file.last_included) == 0 || !content ||
        *content != snapshot_content(file.last_included)) {
      return fmt::format("a snapshot up to {} that was never taken so", file.last_included.index);
    }
  }
  const auto newest = std::ranges::find(all, store.newest());
  const std::size_t number = newest == all.end() ? 0 : static_cast<std::size_t>(newest - all.begin()) + 1;
  return number >= promise.least_snapshot && number <= promise.most_snapshot
             ? ""
             : fmt::format("snapshot number {} is the newest, {} was there", number, promise.least_snapshot);
}

Result<Found> find_all(const wal::DataDirectory& data) {
  Found found;
  found.end = data.log->end();
  found.snapshot = data.snapshots->newest();
  found.vote = {data.metadata->current().term, data.metadata->current().vote};
  found.standing = data.standing;
  found.last.index = data.log->last_index();
  const LogIndex first = found.snapshot.index.next();
  if (data.log->first_index() > first) {
    return Error{ErrorKind::damaged, "there is a gap between the snapshot and the log"};
  }
  if (first <= found.last.index) {
    const auto read = data.log->replay(first, found.last.index, [&](const Entry& entry) {
      found.entries.push_back(entry);
      found.last.term = entry.term;
    });
    if (!read) {
      return read.error();
    }
  }
  return found;
}

}  // namespace

Standing doubtful_at(Durability ack) {
  return ack == Durability::written ? Standing::recovering : Standing::abstaining;
}

Promise promise_after(const Told& told, Durability ack, End end) {
  Promise promise;
  promise.least = end == End::process_died ? told.written : told.synced;
  promise.most = told.begun;
  promise.votes = {told.vote_saved, told.vote_begun};
  promise.least_snapshot = told.snapshot_saved;
  promise.most_snapshot = told.snapshots_begun;
  promise.least_incarnation = told.incarnation;
  promise.most_incarnation = told.incarnation.next();
  promise.standings = standings_after(told, ack, end);
  promise.later_standings = {end == End::process_died ? Standing::sound : doubtful_at(ack)};
  return promise;
}

std::string compare(const wal::DataDirectory& data, const History& history, const Promise& promise, Found& found) {
  Result<Found> all = find_all(data);
  if (!all) {
    return all.error().text;
  }
  found = std::move(*all);
  for (const std::string& fault : {compare_log(found, history, promise), compare_vote(found, promise),
                                   compare_run(data, promise), compare_snapshots(*data.snapshots, history, promise)}) {
    if (!fault.empty()) {
      return fault;
    }
  }
  const std::uint64_t torn = data.log->recovered().torn_bytes;
  return promise.torn.value_or(torn > 0) == (torn > 0) ? "" : fmt::format("{} bytes were cut", torn);
}

}  // namespace strata::crash
