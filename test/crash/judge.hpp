// Opens what is left of a machine, again and again, and says what is wrong with what it finds.
#pragma once

#include <string>
#include <string_view>

#include "crash/history.hpp"
#include "crash/promise.hpp"
#include "crash/story.hpp"
#include "support/memory_files.hpp"

namespace strata::crash {

class Judge {
 public:
  // `history` outlives it. `boot_id`: of the kernel that starts the node.
  Judge(const History& history, Durability ack, const char* boot_id)
      : history_(history), ack_(ack), boot_id_(boot_id) {}

  // It must open, as promised; again, with the same in it; go on; and hold all that, whatever had been left of the cut,
  // when the power is lost behind the next sync. Empty: all was right.
  std::string survives(test::MemoryFiles& files, const Promise& promise) const;
  // It must be refused, with such an error that names `part` of a path, twice, and nothing in `file` is changed.
  std::string refused(test::MemoryFiles& files, ErrorKind kind, std::string_view part, const std::string& file) const;

 private:
  std::string opens_again(test::MemoryFiles& files, Found& found) const;

  const History& history_;
  Durability ack_;
  const char* boot_id_;
};

}  // namespace strata::crash
