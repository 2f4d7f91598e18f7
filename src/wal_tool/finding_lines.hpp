// What an inspection found, as lines for a person or a program.
#pragma once

#include <string>

#include "wal/file.hpp"
#include "wal/inspection.hpp"

namespace strata::wal_tool {

// Verdict, file, offset, bytes, index, reason. Without the end of the line.
std::string finding_text(const wal::Finding& finding);
std::string finding_json(const wal::Finding& finding);

// Some lines, and one JSON object: what is in the directory, and whether it is sound.
std::string summary_text(const wal::Inspection& found);
std::string summary_json(const wal::Inspection& found);

// To standard error, with the program's name. Where that cannot be written, nobody is told.
void complain(const std::string& text);

// False, with a complaint, when a node runs there: nobody changes the files of a stopped one.
bool is_stopped(wal::ReadOnlyFiles& files, const std::string& directory);

}  // namespace strata::wal_tool
