// An entry of the log as a line of text, or as a JSON object.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "wal/segment_reader.hpp"

namespace strata::wal_tool {

// The file's name without its directory.
std::string file_name(std::string_view path);

// Index, term, type, key, size of the value, place. Without the end of the line.
std::string entry_text(const wal::Segment& segment, const wal::Record& record);

// The same, and what an exactly-once or conditional SET has beside it; with `values`, the value too. Bytes that are no
// UTF-8 stand in hexadecimal, under a name that ends with _hex.
std::string entry_json(const wal::Segment& segment, const wal::Record& record, bool values);

// `text` as a JSON string when it is UTF-8, else 0x and hexadecimal digits.
std::string shown(BytesView bytes);

}  // namespace strata::wal_tool
