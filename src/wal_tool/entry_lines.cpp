#include "wal_tool/entry_lines.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>

#include "kv/command.hpp"

namespace strata::wal_tool {

namespace json = boost::json;

namespace {

// How many bytes the character that begins with `lead` takes; 0: it begins none.
std::size_t character_size(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4) {
    return 0;
  }
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// The character's second byte is held to more than the others: no longer form than needed, no surrogate, no number
// beyond U+10FFFF.
bool good_character(BytesView bytes) {
  const auto at = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) {
      return false;
    }
  }
  const unsigned char lead = at(0);
  return !(lead == 0xE0 && at(1) < 0xA0) && !(lead == 0xED && at(1) > 0x9F) && !(lead == 0xF0 && at(1) < 0x90) &&
         !(lead == 0xF4 && at(1) > 0x8F);
}

bool is_utf8(BytesView bytes) {
  while (!bytes.empty()) {
    const std::size_t size = character_size(static_cast<unsigned char>(bytes[0]));
    if (size == 0 || size > bytes.size() || !good_character(bytes.substr(0, size))) {
      return false;
    }
    bytes.remove_prefix(size);
  }
  return true;
}

std::string hexadecimal(BytesView bytes) {
  std::string digits;
  digits.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    fmt::format_to(std::back_inserter(digits), "{:02x}", static_cast<unsigned char>(byte));
  }
  return digits;
}

void put_bytes(json::object& object, const std::string& name, BytesView bytes) {
  if (is_utf8(bytes)) {
    object[name] = std::string(bytes);
  } else {
    object[name + "_hex"] = hexadecimal(bytes);
  }
}

void put_set(json::object& object, const kv::SetCommand& set, bool values) {
  object["type"] = "set";
  put_bytes(object, "key", set.key);
  object["value_size"] = set.value.size();
  if (set.once) {
    put_bytes(object, "client", set.once->client);
    object["number"] = set.once->number;
    object["max_sessions"] = set.once->max_sessions;
    if (set.once->since) {
      object["since"] = set.once->since->value;
    }
  }
  if (set.if_revision) {
    object["if_revision"] = set.if_revision->value;
  }
  if (values) {
    put_bytes(object, "value", set.value);
  }
}

// Nothing for what is no SET that this version knows.
std::optional<kv::SetCommand> command_of(const Entry& entry) {
  return entry.type == EntryType::command ? kv::decode_command(entry.payload()) : std::nullopt;
}

}  // namespace

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string shown(BytesView bytes) {
  return is_utf8(bytes) ? json::serialize(json::string(bytes)) : "0x" + hexadecimal(bytes);
}

std::string entry_text(const wal::Segment& segment, const wal::Record& record) {
  const Entry& entry = record.entry;
  std::string content = entry.type == EntryType::new_generation ? "new generation" : "no-op";
  if (const auto set = command_of(entry)) {
    content = fmt::format("set {} {} bytes", shown(set->key), set->value.size());
  } else if (entry.type == EntryType::command) {
    content = fmt::format("command {} bytes", entry.payload().size());
  }
  return fmt::format("{} term {} {} {}:{}", entry.index, entry.term, content, file_name(segment.path),
                     record.header.position.offset);
}

std::string entry_json(const wal::Segment& segment, const wal::Record& record, bool values) {
  const Entry& entry = record.entry;
  json::object object;
  object["index"] = entry.index.value;
  object["term"] = entry.term.value;
  object["type"] = entry.type == EntryType::new_generation ? "new_generation" : "no_op";
  if (const auto set = command_of(entry)) {
    put_set(object, *set, values);
  } else if (entry.type == EntryType::command) {
    object["type"] = "command";
    object["payload_size"] = entry.payload().size();
    if (values) {
      object["payload_hex"] = hexadecimal(entry.payload());
    }
  }
  object["file"] = file_name(segment.path);
  object["offset"] = record.header.position.offset;
  object["size"] = record.size;
  return json::serialize(object);
}

}  // namespace strata::wal_tool
