#include "crash/damage_forecast.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "wal/metadata.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"
#include "wal/snapshot.hpp"

namespace strata::crash {

namespace {

std::string path_of(std::uint32_t segment) {
  return wal::segment_path(log_options().directory, segment);
}

const std::string& metadata_path() {
  static const std::string path = log_options().directory + "/" + wal::MetadataFile::name;
  return path;
}

// Up to the step with this number.
Story first_steps(Story story, std::size_t steps) {
  story.steps.resize(std::min(steps, story.steps.size()));
  return story;
}

Story before_second_snapshot(const std::string& name) {
  const Story story = without_end(name);
  std::size_t steps = story.steps.size();
  while (!std::holds_alternative<TakeSnapshot>(story.steps[steps - 1])) {
    --steps;
  }
  return first_steps(story, steps - 1);
}

Story with_clean_end(const std::string& name) {
  Story story = without_end(name);
  story.steps.emplace_back(Stop{true});
  return story;
}

void add(std::vector<AtRest>& states, std::string name, Story story, End end) {
  AtRest& state = states.emplace_back();
  state.name = std::move(name);
  state.story = std::move(story);
  state.end = end;
  state.boot_id = end == End::process_died ? first_boot : second_boot;
  state.told = Life(*state.machine, state.story).live();
  state.cleanly = state.told.ended;
  if (end == End::power_lost) {
    state.machine->lose_power(test::keep_everything());
  } else {
    state.machine->kill_process();
  }
  const std::string& directory = log_options().directory;
  for (const std::string& name_in : state.machine->names_in(directory, false)) {
    const std::string path = directory + "/" + name_in;
    if (Bytes content = state.machine->content(path); !content.empty()) {
      state.files.emplace(path, std::move(content));
    }
  }
}

}  // namespace

const std::vector<AtRest>& states_at_rest() {
  static const std::vector<AtRest> all = [] {
    std::vector<AtRest> states;
    states.reserve(5);
    add(states, "three segments, killed", before_second_snapshot("synced"), End::process_died);
    add(states, "three segments, without power", before_second_snapshot("written"), End::power_lost);
    add(states, "after a release, killed", without_end("synced"), End::process_died);
    add(states, "ended cleanly, without power", with_clean_end("synced"), End::power_lost);
    add(states, "snapshots installed, without power", without_end("installed"), End::power_lost);
    return states;
  }();
  return all;
}

Forecaster::Forecaster(const AtRest& state) : state_(state), history_(state.story) {
  for (const auto& [path, content] : state.files) {
    if (const auto sequence = wal::segment_sequence(path.substr(path.rfind('/') + 1))) {
      first_ = first_ == 0 ? *sequence : first_;
      last_ = *sequence;
    }
  }
  STRATA_ASSERT(history_.records().back().end.segment == last_);
}

std::size_t Forecaster::first_record() const {
  const auto& records = history_.records();
  return static_cast<std::size_t>(
      std::ranges::find_if(records, [&](const RecordPlace& place) { return place.start.segment == first_; }) -
      records.begin());
}

// One of the slots is as it was, or stands in the other's place.
bool Forecaster::metadata_holds(BytesView content) const {
  constexpr std::size_t size = wal::metadata_slot_size;
  const BytesView before = state_.files.at(metadata_path());
  STRATA_ASSERT(before.substr(0, size) == before.substr(size));
  return content.substr(0, size) == before.substr(0, size) ||
         (content.size() > size && content.substr(size) == before.substr(size));
}

// Any but the last: from its head to where the next one says that its records end.
bool Forecaster::is_whole(std::uint32_t segment, BytesView content) const {
  std::size_t end = 0;
  for (const RecordPlace& place : history_.records()) {
    end = place.end.segment == segment ? place.end.offset : end;
  }
  return content.substr(0, end) == BytesView(state_.files.at(path_of(segment))).substr(0, end);
}

bool Forecaster::is_intact(BytesView content, std::size_t record, std::size_t size) const {
  const BytesView before = state_.files.at(path_of(last_));
  const std::uint32_t start = history_.records()[record].start.offset;
  return content.size() >= start + size && content.substr(start, size) == before.substr(start, size);
}

// The number of the first record of the last segment that is not as it was written.
std::size_t Forecaster::first_broken(BytesView content) const {
  const std::vector<RecordPlace>& records = history_.records();
  std::size_t record = records.size();
  while (record > 0 && records[record - 1].start.segment == last_) {
    --record;
  }
  while (record < records.size() &&
         is_intact(content, record, records[record].end.offset - records[record].start.offset)) {
    ++record;
  }
  return record;
}

// Whether the header of any record behind the first broken one is as it was written.
bool Forecaster::goes_on_behind(BytesView content, std::size_t broken) const {
  for (std::size_t i = broken + 1; i < history_.records().size(); ++i) {
    if (is_intact(content, i, wal::record_header_size)) {
      return true;
    }
  }
  return false;
}

// The highest mark of the metadata, of the log's head and of all headers of the last segment that are as they were
// written.
wal::Position Forecaster::vouched_by(BytesView content) const {
  const std::uint32_t identity = wal::identity_of(log_options().cluster, log_options().node);
  wal::Position highest = std::max(state_.told.vouched, {last_, wal::segment_head_size});
  for (std::size_t i = 0; i < history_.records().size(); ++i) {
    const wal::Position start = history_.records()[i].start;
    if (start.segment == last_ && is_intact(content, i, wal::record_header_size)) {
      const auto header = wal::decode_record_header(content.substr(start.offset), identity, start);
      highest = std::max(highest, header->header.marks.synced);
    }
  }
  return highest;
}

void Forecaster::judge_last(BytesView content, Forecast& forecast) const {
  const BytesView before = state_.files.at(path_of(last_));
  if (content.substr(0, wal::segment_head_size) != before.substr(0, wal::segment_head_size)) {
    forecast.refuse(path_of(last_));
    return;
  }
  const std::size_t whole = first_broken(content);
  const bool all = whole == history_.records().size();
  const wal::Position end = all ? history_.end_after(whole) : history_.records()[whole].start;
  if (end < vouched_by(content) || (state_.in_order() && goes_on_behind(content, whole))) {
    forecast.refuse(path_of(last_));
    return;
  }
  forecast.promise.least = whole;
  forecast.promise.most = whole;
  const BytesView tail = content.substr(std::min<std::size_t>(end.offset, content.size()));
  forecast.promise.torn = tail.find_first_not_of('\0') != BytesView::npos;
}

void Forecaster::judge_snapshots(const Changes& changes, Forecast& forecast) const {
  EntryId newest;
  std::size_t number = 0;
  for (std::size_t i = 0; i < history_.snapshots().size(); ++i) {
    const EntryId snapshot = history_.snapshots()[i];
    for (const auto& [path, content] : state_.files) {
      if (wal::snapshot_index(path.substr(path.rfind('/') + 1)) == snapshot.index && !changes.contains(path)) {
        newest = snapshot;
        number = i + 1;
      }
    }
  }
  forecast.promise.least_snapshot = number;
  forecast.promise.most_snapshot = number;
  const LogIndex before_first = history_.after(first_record()).last_index();
  const LogIndex base = history_.after(history_.records().size()).base.index;
  if (std::max(first_ == 1 ? LogIndex() : before_first, base) > newest.index) {
    forecast.refuse("");
  }
}

Forecast Forecaster::forecast(const Changes& changes) const {
  Forecast forecast;
  forecast.promise = promise_after(state_.told, state_.story.ack, state_.end);
  forecast.promise.least = forecast.promise.most;
  forecast.promise.torn = false;
  if (const auto metadata = changes.find(metadata_path());
      metadata != changes.end() && !metadata_holds(metadata->second)) {
    forecast.refuse(metadata_path());
  }
  for (std::uint32_t segment = first_; segment < last_; ++segment) {
    const auto changed = changes.find(path_of(segment));
    if (changed != changes.end() && !is_whole(segment, changed->second)) {
      forecast.refuse(path_of(segment));
    }
  }
  if (const auto changed = changes.find(path_of(last_)); changed != changes.end()) {
    judge_last(changed->second, forecast);
  }
  judge_snapshots(changes, forecast);
  return forecast;
}

void Forecast::refuse(const std::string& bad) {
  file = opens ? bad : "";
  opens = false;
}

}  // namespace strata::crash
