// An entry as kv-wal prints it.
#include "wal_tool/entry_lines.hpp"

#include <doctest/doctest.h>

#include "kv/command.hpp"

using namespace strata;
using namespace strata::wal_tool;

namespace {

struct Lines {
  wal::Segment segment;
  wal::Record record;

  Lines(EntryType type, BytesView payload) {
    segment.path = "data/wal-0000000003.log";
    record.entry = make_entry(type, Term(2), LogIndex(7), payload);
    record.header.position = {3, 4096};
    record.size = 128;
  }
  std::string text() const { return entry_text(segment, record); }
  std::string json() const { return entry_json(segment, record, false); }
};

const std::string place = R"("file":"wal-0000000003.log","offset":4096,"size":128})";

}  // namespace

TEST_CASE("a no-op and a new generation are told apart") {
  const Lines no_op(EntryType::no_op, {});
  CHECK(no_op.text() == "7 term 2 no-op wal-0000000003.log:4096");
  CHECK(no_op.json() == R"({"index":7,"term":2,"type":"no_op",)" + place);
  const Lines generation(EntryType::new_generation, {});
  CHECK(generation.text() == "7 term 2 new generation wal-0000000003.log:4096");
  CHECK(generation.json() == R"({"index":7,"term":2,"type":"new_generation",)" + place);
}

TEST_CASE("all that stands in a SET is shown") {
  kv::SetCommand set{"key", "value"};
  set.once = kv::Once{"client", 5, LogIndex(3), 70};
  set.if_revision = LogIndex(0);
  const Lines lines(EntryType::command, kv::encode_command(set));
  CHECK(lines.text() == "7 term 2 set \"key\" 5 bytes wal-0000000003.log:4096");
  CHECK(lines.json() == R"({"index":7,"term":2,"type":"set","key":"key","value_size":5,"client":"client","number":5,)"
                        R"("max_sessions":70,"since":3,"if_revision":0,)" +
                            place);
}

TEST_CASE("what a session does not have is not shown") {
  kv::SetCommand set{"key", "value"};
  set.once = kv::Once{"client", 5, std::nullopt};
  CHECK(Lines(EntryType::command, kv::encode_command(set)).json().find("since") == std::string::npos);
}
