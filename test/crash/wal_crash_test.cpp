// Crash points of the log: a crash after every call it makes, with what was not synced kept or lost in every
// combination (as far as they can be counted, sampled beyond), and a second crash at every call of the recovery.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/data_directory.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 16384;
constexpr std::size_t most_combinations = 256;

struct Step {
  std::vector<Entry> entries;
  bool sync = false;
  bool vote = false;   // saves the term of the last entry first
  bool spare = false;  // gives the log a spare segment first
};

// Three segments: entries of 0 bytes to 4 KiB, single and in batches, two overrides of a tail, a cut within a batch.
const std::vector<Step>& workload() {
  static const std::vector<Step> steps = {
      {{sample_entry(1, 1, 0)}, true, true},
      {sample_entries(2, 6, 1, 100), false},
      {sample_entries(7, 8, 1, 700), true, false, true},
      {sample_entries(9, 12, 1, 1500), true},
      {sample_entries(6, 7, 2, 333), false, true},
      {sample_entries(8, 10, 2, 1300), true},
      {sample_entries(11, 14, 2, 40), false},
      {{sample_entry(15, 2, 4096)}, true},
      {sample_entries(16, 19, 2, 900), false, false, true},
      {sample_entries(12, 13, 3, 50), true, true},
      {sample_entries(14, 16, 3, 2000), false},
      {{sample_entry(17, 3, 10)}, true},
      {sample_entries(18, 20, 3, 5), false},
  };
  return steps;
}

// How far a run got: records and terms that it was told are safe, and those that it may have written.
struct Progress {
  std::size_t attempted = 0;
  std::size_t written = 0;
  std::size_t synced = 0;
  std::uint64_t attempted_term = 0;
  std::uint64_t saved_term = 0;
};

// The log's content after the first `records` records of the workload.
std::vector<Entry> content_after(std::size_t records) {
  std::vector<Entry> content;
  for (const Step& step : workload()) {
    for (const Entry& entry : step.entries) {
      if (records-- == 0) {
        return content;
      }
      content.resize(entry.index.value - 1);
      content.push_back(entry);
    }
  }
  return content;
}

bool take(DataDirectory& data, MemoryFiles& files, const LogOptions& options, const Step& step, Marks& marks,
          Progress& progress) {
  if (step.vote) {
    Metadata metadata = data.metadata->current();
    metadata.term = step.entries.front().term;
    progress.attempted_term = metadata.term.value;
    if (!data.metadata->save(metadata)) {
      return false;
    }
    progress.saved_term = progress.attempted_term;
  }
  if (const auto wanted = data.log->wants_spare(); step.spare && wanted) {
    auto spare = prepare_segment(files, options, *wanted);
    if (!spare) {
      return false;
    }
    data.log->give_spare(std::move(*spare));
  }
  progress.attempted += step.entries.size();
  const auto target = data.log->append(step.entries, marks);
  if (!target) {
    return false;
  }
  progress.written = progress.attempted;
  if (step.sync) {
    if (!target->sync()) {
      return false;
    }
    progress.synced = progress.written;
    marks = Marks{target->end, step.entries.back().index};
  }
  return true;
}

// Runs the workload on an empty machine until it ends or the machine stops.
Progress run(MemoryFiles& files, const LogOptions& options) {
  KeptLines lines;
  Progress progress;
  auto data = open_data_directory(files, options, lines);
  if (!data) {
    return progress;
  }
  Marks marks;
  for (const Step& step : workload()) {
    if (!take(*data, files, options, step, marks, progress)) {
      break;
    }
  }
  return progress;
}

// Asks nothing of the log but that it goes on; returns false when the machine stopped before it was open.
bool recover(MemoryFiles& files, const LogOptions& options) {
  KeptLines lines;
  return static_cast<bool>(open_data_directory(files, options, lines));
}

std::string fault_in(const DataDirectory& data, const Progress& progress, std::size_t safe) {
  const std::size_t records = data.log->recovered().records;
  if (records < safe || records > progress.attempted) {
    return fmt::format("{} records, {} were safe, {} were begun", records, safe, progress.attempted);
  }
  const std::uint64_t term = data.metadata->current().term.value;
  if (term != progress.saved_term && term != progress.attempted_term) {
    return fmt::format("term {}, {} was saved", term, progress.saved_term);
  }
  const auto entries = all_entries(*data.log);
  if (!entries) {
    return entries.error().text;
  }
  return same_entries(*entries, content_after(records)) ? "" : "other entries than were appended";
}

// Opens, compares, appends two entries, and opens again: nothing of what was cut may come back. Empty: all was right.
std::string check(MemoryFiles& files, const LogOptions& options, const Progress& progress, std::size_t safe) {
  KeptLines lines;
  std::vector<Entry> expected;
  {
    auto data = open_data_directory(files, options, lines);
    if (!data) {
      return data.error().text;
    }
    if (std::string fault = fault_in(*data, progress, safe); !fault.empty()) {
      return fault;
    }
    expected = content_after(data->log->recovered().records);
    const std::uint64_t next = expected.size() + 1;
    const auto more = sample_entries(next, next + 1, 9, 77);
    const auto target = data->log->append(more, Marks{});
    if (!target || !target->sync()) {
      return "the log does not go on";
    }
    expected.insert(expected.end(), more.begin(), more.end());
  }
  files.lose_power(keep_nothing());
  auto data = open_data_directory(files, options, lines);
  if (!data) {
    return "second opening: " + data.error().text;
  }
  const auto entries = all_entries(*data->log);
  return entries && same_entries(*entries, expected) ? "" : "second opening: other entries";
}

// Makes the choices of combination number `number` of all there are; `total` becomes their number.
Chooser combination(std::size_t number, std::size_t& total) {
  total = 1;
  return [number, &total](std::size_t count) mutable {
    const std::size_t choice = number % count;
    number /= count;
    total = std::min<std::size_t>(total * count, most_combinations + 1);
    return choice;
  };
}

// Every machine that a loss of power may leave, or a sample when there are too many.
std::vector<std::unique_ptr<MemoryFiles>> images_after_power_loss(const MemoryFiles& stopped) {
  std::vector<std::unique_ptr<MemoryFiles>> images;
  std::size_t total = 1;
  for (std::size_t number = 0; number < std::min(total, most_combinations); ++number) {
    images.push_back(stopped.copy());
    images.back()->lose_power(combination(number, total));
  }
  if (total > most_combinations) {
    images.clear();
    for (std::size_t seed = 0; seed < most_combinations; ++seed) {
      images.push_back(stopped.copy());
      images.back()->lose_power(seed == 0 ? keep_nothing() : seed == 1 ? keep_everything() : choose_by_seed(seed));
    }
  }
  return images;
}

// Calls `visit` with every machine that stopped at a call of the workload.
void for_each_crash_point(const std::function<void(const MemoryFiles&, const Progress&, std::uint64_t)>& visit) {
  const LogOptions options = sample_options(segment_size);
  MemoryFiles counted;
  run(counted, options);
  for (std::uint64_t stop = 0; stop <= counted.calls(); ++stop) {
    MemoryFiles files;
    files.stop_at(stop);
    const Progress progress = run(files, options);
    visit(files, progress, stop);
  }
}

}  // namespace

TEST_CASE("the workload without a crash writes three segments") {
  const LogOptions options = sample_options(segment_size);
  MemoryFiles files;
  const Progress progress = run(files, options);
  CHECK(progress.written == content_after(1000).size() + 15);
  CHECK(files.exists("data/wal-0000000003.log"));
  files.kill_process();
  CHECK(check(files, options, progress, progress.written).empty());
}

TEST_CASE("a process that dies at any call has lost nothing that was written") {
  const LogOptions options = sample_options(segment_size);
  for_each_crash_point([&](const MemoryFiles& stopped, const Progress& progress, std::uint64_t stop) {
    const auto image = stopped.copy();
    if (const std::string fault = check(*image, options, progress, progress.written); !fault.empty()) {
      FAIL_CHECK("call ", stop, ": ", fault);
    }
  });
}

TEST_CASE("a machine that loses power at any call has lost nothing that was synced") {
  const LogOptions options = sample_options(segment_size);
  std::size_t images = 0;
  for_each_crash_point([&](const MemoryFiles& stopped, const Progress& progress, std::uint64_t stop) {
    for (const auto& image : images_after_power_loss(stopped)) {
      ++images;
      if (const std::string fault = check(*image, options, progress, progress.synced); !fault.empty()) {
        FAIL_CHECK("call ", stop, ", image ", images, ": ", fault);
      }
    }
  });
  MESSAGE(images, " images");
}

TEST_CASE("a second loss of power at any call of the recovery changes nothing") {
  const LogOptions options = sample_options(segment_size);
  std::size_t images = 0;
  for_each_crash_point([&](const MemoryFiles& stopped, const Progress& progress, std::uint64_t stop) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const auto first = stopped.copy();
      first->lose_power(choose_by_seed(stop * 10 + seed));
      bool recovered = false;
      for (std::uint64_t second = 0; !recovered; ++second) {
        const auto image = first->copy();
        image->stop_at(second);
        recovered = recover(*image, options);
        image->lose_power(choose_by_seed(second * 1000 + stop * 10 + seed));
        ++images;
        if (const std::string fault = check(*image, options, progress, progress.synced); !fault.empty()) {
          FAIL_CHECK("call ", stop, ", seed ", seed, ", call ", second, " of the recovery: ", fault);
        }
      }
    }
  });
  MESSAGE(images, " images");
}

TEST_CASE("an error at any call, the process then dying, loses nothing that was written") {
  const LogOptions options = sample_options(segment_size);
  MemoryFiles counted;
  run(counted, options);
  for (const ErrorKind kind : {ErrorKind::io, ErrorKind::no_space}) {
    for (std::uint64_t failing = 0; failing < counted.calls(); ++failing) {
      MemoryFiles files;
      files.set_fault([&, calls = std::uint64_t{0}](const FileCall& call) mutable {
        const bool counts = call.operation != FileOperation::read && call.operation != FileOperation::size &&
                            call.operation != FileOperation::list;
        return counts && calls++ == failing ? std::optional(Error{kind, "refused"}) : std::nullopt;
      });
      const Progress progress = run(files, options);
      const auto image = files.copy();
      if (const std::string fault = check(*image, options, progress, progress.written); !fault.empty()) {
        FAIL_CHECK("call ", failing, ": ", fault);
      }
    }
  }
}

TEST_CASE("short writes of any length write the same log") {
  const LogOptions options = sample_options(segment_size);
  for (const std::size_t most : {1U, 7U, 63U, 64U, 65U, 511U, 512U, 513U, 4095U, 4097U}) {
    MemoryFiles files;
    files.set_most_written(most);
    const Progress progress = run(files, options);
    const auto image = files.copy();
    CAPTURE(most);
    CHECK(check(*image, options, progress, progress.written).empty());
  }
}
