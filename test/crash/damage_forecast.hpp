// What must become of a log at rest when its files are spoilt: the table of reliability, 2.2, applied to what is known
// of how the files came about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "crash/history.hpp"
#include "crash/life.hpp"
#include "crash/promise.hpp"
#include "crash/story.hpp"
#include "support/memory_files.hpp"

namespace strata::crash {

// A machine on which nothing runs.
struct AtRest {
  std::string name;
  Story story;
  End end = End::process_died;
  bool cleanly = false;
  const char* boot_id = second_boot;  // of the kernel that starts the node again
  std::unique_ptr<test::MemoryFiles> machine = new_machine();
  Told told;
  std::map<std::string, Bytes> files;  // of the data directory, by path

  // No loss of power can have taken a part of what was written last.
  bool in_order() const { return cleanly || end == End::process_died; }
};

// The same each time.
const std::vector<AtRest>& states_at_rest();

using Changes = std::map<std::string, Bytes>;  // whole contents, by path

struct Forecast {
  bool opens = true;
  // It does:
  Promise promise;
  // It does not:
  ErrorKind refusal = ErrorKind::damaged;
  std::string file;  // the only one that is bad, or empty

  void refuse(const std::string& bad);
};

class Forecaster {
 public:
  explicit Forecaster(const AtRest& state);

  Forecast forecast(const Changes& changes) const;

  const History& history() const { return history_; }
  // Its number.
  std::uint32_t last_segment() const { return last_; }
  // How many records are gone with their segments.
  std::size_t first_record() const;

 private:
  bool metadata_holds(BytesView content) const;
  bool is_whole(std::uint32_t segment, BytesView content) const;
  // Of the last segment: whether the first bytes of a record are as they were written.
  bool is_intact(BytesView content, std::size_t record, std::size_t size) const;
  std::size_t first_broken(BytesView content) const;
  bool goes_on_behind(BytesView content, std::size_t broken) const;
  wal::Position vouched_by(BytesView content) const;
  void judge_last(BytesView content, Forecast& forecast) const;
  void judge_snapshots(const Changes& changes, Forecast& forecast) const;

  const AtRest& state_;
  History history_;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
};

}  // namespace strata::crash
