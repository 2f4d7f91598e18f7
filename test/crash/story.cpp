#include "crash/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/assert.hpp"
#include "support/log_samples.hpp"

namespace strata::crash {

namespace {

Append append(std::uint64_t first, std::uint64_t last, std::uint64_t term, std::size_t size, std::uint64_t commit,
              bool sync) {
  return {test::sample_entries(first, last, term, size), LogIndex(commit), sync};
}

Vote vote(std::uint64_t term, std::uint16_t node) {
  return {Term(term), NodeId(node)};
}

EntryId entry(std::uint64_t index, std::uint64_t term) {
  return {LogIndex(index), Term(term)};
}

// Three segments: entries of 0 bytes to 4 KiB, single and in batches; two overrides of a tail; two cuts in the midst of
// a batch, with a spare and without; a process that is killed; two snapshots, by which the first segment goes; a clean
// end, and a run behind it.
std::vector<Step> growing() {
  return {
      Start{},
      vote(1, 2),
      append(1, 1, 1, 0, 0, true),
      append(2, 6, 1, 100, 1, false),
      Spare{},
      append(7, 8, 1, 700, 1, true),
      append(9, 12, 1, 1500, 5, true),
      vote(2, 3),
      append(6, 7, 2, 333, 5, false),
      append(8, 10, 2, 1300, 8, true),
      TakeSnapshot{entry(8, 2)},
      append(11, 14, 2, 40, 10, false),
      append(15, 15, 2, 4096, 10, true),
      append(16, 17, 2, 200, 13, false),
      Stop{false},
      Start{},
      append(18, 21, 2, 900, 13, false),
      vote(3, 1),
      append(16, 18, 3, 50, 15, true),
      append(19, 21, 3, 1000, 15, false),
      append(22, 22, 3, 10, 18, true),
      append(23, 25, 3, 5, 21, false),
      TakeSnapshot{entry(21, 3)},
      append(26, 26, 3, 300, 22, true),
      append(27, 28, 3, 60, 25, false),
      Stop{true},
      Start{},
      append(29, 29, 3, 20, 26, true),
      append(30, 31, 3, 500, 27, false),
  };
}

// A follower that is sent snapshots beyond the end of its log; the second one's restart needs a new segment.
std::vector<Step> installing() {
  return {
      Start{},
      vote(1, 1),
      append(1, 4, 1, 80, 2, true),
      append(5, 9, 1, 300, 4, false),
      vote(3, 0),
      InstallSnapshot{entry(20, 2)},
      append(21, 23, 3, 200, 20, true),
      append(24, 24, 3, 50, 22, false),
      TakeSnapshot{entry(22, 3)},
      append(25, 27, 3, 2500, 23, false),
      append(28, 28, 3, 612, 24, true),
      InstallSnapshot{entry(40, 4)},
      vote(5, 0),
      append(41, 43, 5, 100, 41, false),
      append(44, 44, 5, 30, 42, true),
      vote(6, 1),
      append(43, 46, 6, 70, 42, false),
  };
}

}  // namespace

const std::vector<Story>& stories() {
  static const std::vector<Story> all = {
      {"synced", Durability::synced, growing()},
      {"written", Durability::written, growing()},
      {"installed", Durability::synced, installing()},
  };
  return all;
}

Story without_end(const std::string& name) {
  Story story = *std::ranges::find(stories(), name, &Story::name);
  const auto end = std::ranges::find_if(story.steps, [](const Step& step) {
    const Stop* stop = std::get_if<Stop>(&step);
    return stop != nullptr && stop->cleanly;
  });
  story.steps.erase(end, story.steps.end());
  return story;
}

wal::LogOptions log_options() {
  return test::sample_options(segment_size);
}

Bytes snapshot_content(EntryId last_included) {
  const std::size_t size = 400 + last_included.index.value * 7;
  return Bytes(test::sample_entry(last_included.index.value, last_included.term.value + 1000, size).payload());
}

}  // namespace strata::crash
