// Damaged images of a small log: every byte with a flipped bit, every sector zeroed, garbled, old or swapped, every
// length. The verdict is right each time: refused as damaged where it was once synced, cut where it was not.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "support/log_samples.hpp"
#include "support/memory_files.hpp"
#include "support/show_result.hpp"
#include "wal/log.hpp"
#include "wal/segment.hpp"

using namespace strata;
using namespace strata::test;
using namespace strata::wal;

namespace {

constexpr std::uint64_t segment_size = 8192;
constexpr std::uint32_t last_segment = 3;

enum class Verdict { whole, cut, damaged };

// The log, where its records begin, and up to where each of them vouches for it.
struct Image {
  std::vector<Bytes> segments;  // content by sequence - 1
  std::vector<Position> records;
  std::vector<Position> marks;
  std::vector<Entry> entries;
  Position end;
};

const LogOptions& options() {
  static const LogOptions same = sample_options(segment_size);
  return same;
}

std::string path_of(std::uint32_t sequence) {
  return segment_path(options().directory, sequence);
}

Image make_image() {
  MemoryFiles files;
  KeptLines lines;
  REQUIRE(files.make_directory("data"));
  auto log = Log::open(files, options(), lines);
  REQUIRE(log);
  Image image;
  Marks marks;
  for (std::uint64_t index = 1; index <= 26; ++index) {
    const Entry entry = sample_entry(index, 1 + index / 10, index * 97 % 700);
    image.entries.push_back(entry);
    const auto target = (*log)->append(std::span(&entry, 1), marks);
    REQUIRE(target);
    const auto size = static_cast<std::uint32_t>((64 + entry.body.size() + 7) / 8 * 8);
    image.records.push_back(Position{target->end.segment, target->end.offset - size});
    image.marks.push_back(marks.synced);
    if (index % 4 == 0) {
      REQUIRE(target->sync());
      marks.synced = target->end;
    }
  }
  image.end = (*log)->end();
  REQUIRE(image.end.segment == last_segment);
  REQUIRE(image.marks.back().segment == last_segment);
  for (std::uint32_t sequence = 1; sequence <= last_segment; ++sequence) {
    image.segments.push_back(files.content(path_of(sequence)));
  }
  return image;
}

// How many records end at or before `position`.
std::size_t records_before(const Image& image, Position position) {
  std::size_t count = 0;
  while (count + 1 < image.records.size() && image.records[count + 1] <= position) {
    ++count;
  }
  return position >= image.end ? image.records.size() : count;
}

// Where a segment's records end.
std::uint32_t end_of_records(const Image& image, std::uint32_t sequence) {
  return sequence == last_segment ? image.end.offset : decode_segment_head(image.segments[sequence])->head.previous_end;
}

// The highest mark in those headers of the last segment that are still as they were written.
Position vouched_by(const Image& image, const Bytes& content) {
  Position highest;
  for (std::size_t i = 0; i < image.records.size(); ++i) {
    const Position at = image.records[i];
    if (at.segment == last_segment && content.compare(at.offset, 64, image.segments.back(), at.offset, 64) == 0) {
      highest = std::max(highest, image.marks[i]);
    }
  }
  return highest;
}

class Opener {
 public:
  explicit Opener(const Image& image) : image_(image) { REQUIRE(files_.make_directory("data")); }

  // Opens the image with one segment's content replaced. Empty: the verdict and everything behind it are right.
  std::string open(std::uint32_t sequence, const Bytes& content, Verdict expected, std::size_t records) {
    for (std::uint32_t i = 1; i <= last_segment; ++i) {
      files_.set_content(path_of(i), i == sequence ? content : image_.segments[i - 1]);
    }
    const auto log = Log::open(files_, options(), lines_);
    if (!log) {
      const bool named = log.error().text.find(path_of(sequence)) != std::string::npos;
      return expected == Verdict::damaged && log.error().kind == ErrorKind::damaged && named ? "" : log.error().text;
    }
    if (expected == Verdict::damaged) {
      return fmt::format("opened with {} records", (*log)->recovered().records);
    }
    const auto found = all_entries(**log);
    if (!found ||
        !same_entries(*found, {image_.entries.begin(), image_.entries.begin() + static_cast<long>(records)})) {
      return fmt::format("{} records, expected {}", (*log)->recovered().records, records);
    }
    const bool cut = (*log)->recovered().torn_bytes > 0;
    return cut == (expected == Verdict::cut) ? "" : fmt::format("{} bytes cut", (*log)->recovered().torn_bytes);
  }

  // The verdict when bytes from `from` up to `to` of a segment differ from what was written.
  std::string open_changed(std::uint32_t sequence, const Bytes& content, std::uint32_t from) {
    const std::uint32_t end = end_of_records(image_, sequence);
    const std::size_t before = records_before(image_, Position{sequence, from});
    if (from < segment_head_size || (sequence < last_segment && from < end)) {
      return open(sequence, content, Verdict::damaged, 0);
    }
    if (sequence < last_segment) {
      return open(sequence, content, Verdict::whole, image_.records.size());
    }
    const bool vouched = from < end && image_.records[before] < vouched_by(image_, content);
    return open(sequence, content, vouched ? Verdict::damaged : Verdict::cut, before);
  }

 private:
  const Image& image_;
  MemoryFiles files_;
  KeptLines lines_;
};

std::uint32_t first_difference(const Bytes& a, const Bytes& b) {
  return static_cast<std::uint32_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

TEST_CASE("a flipped bit anywhere in the log gets the right verdict") {
  const Image image = make_image();
  Opener opener(image);
  for (std::uint32_t sequence = 1; sequence <= last_segment; ++sequence) {
    for (std::uint32_t at = 0; at < segment_size; ++at) {
      Bytes content = image.segments[sequence - 1];
      content[at] = static_cast<char>(content[at] ^ (1 << (at * 5 % 8)));
      if (const std::string fault = opener.open_changed(sequence, content, at); !fault.empty()) {
        FAIL_CHECK("segment ", sequence, ", byte ", at, ": ", fault);
      }
    }
  }
}

TEST_CASE("the last segment cut at any byte behind its head opens with everything before") {
  const Image image = make_image();
  Opener opener(image);
  const Bytes& whole = image.segments.back();
  for (std::uint32_t size = segment_head_size; size < segment_size; ++size) {
    const std::size_t records = records_before(image, Position{last_segment, size});
    const std::size_t torn = std::min(size, image.end.offset) -
                             (size >= image.end.offset ? image.end.offset : image.records[records].offset);
    const bool all_zeros = whole.substr(size - torn, torn).find_first_not_of('\0') == Bytes::npos;
    if (const std::string fault =
            opener.open(last_segment, whole.substr(0, size), all_zeros ? Verdict::whole : Verdict::cut, records);
        !fault.empty()) {
      FAIL_CHECK("size ", size, ": ", fault);
    }
  }
}

TEST_CASE("a zeroed or garbled sector gets the right verdict") {
  const Image image = make_image();
  Opener opener(image);
  for (std::uint32_t sequence = 1; sequence <= last_segment; ++sequence) {
    const Bytes& whole = image.segments[sequence - 1];
    for (std::uint32_t at = 0; at < segment_size; at += sector_size) {
      for (const char filler : {'\0', '\x5A'}) {
        Bytes content = whole;
        content.replace(at, sector_size, sector_size, filler);
        const std::uint32_t from = first_difference(whole, content);
        if (from == segment_size) {
          continue;
        }
        if (filler == '\0' && sequence == last_segment && at + sector_size >= image.end.offset) {
          continue;  // the log's end is gone as if it had been cut there
        }
        if (const std::string fault = opener.open_changed(sequence, content, from); !fault.empty()) {
          FAIL_CHECK("segment ", sequence, ", sector at ", at, ": ", fault);
        }
      }
    }
  }
}

TEST_CASE("two sectors that have changed places get the right verdict") {
  const Image image = make_image();
  Opener opener(image);
  for (std::uint32_t sequence = 1; sequence <= last_segment; ++sequence) {
    const Bytes& whole = image.segments[sequence - 1];
    for (std::uint32_t a = 0; a < segment_size; a += sector_size) {
      for (std::uint32_t b = a + sector_size; b < segment_size; b += sector_size) {
        Bytes content = whole;
        content.replace(a, sector_size, whole, b, sector_size);
        content.replace(b, sector_size, whole, a, sector_size);
        const std::uint32_t from = first_difference(whole, content);
        if (from == segment_size) {
          continue;
        }
        if (const std::string fault = opener.open_changed(sequence, content, from); !fault.empty()) {
          FAIL_CHECK("segment ", sequence, ", sectors at ", a, " and ", b, ": ", fault);
        }
      }
    }
  }
}
