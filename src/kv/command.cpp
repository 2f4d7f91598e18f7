#include "kv/command.hpp"

namespace strata::kv {

namespace {

// The first byte says that it is a SET and which optional fields stand before the key.
constexpr std::uint8_t set_tag = 0x01;
constexpr std::uint8_t has_once = 0x02;
constexpr std::uint8_t has_since = 0x04;
constexpr std::uint8_t has_if_revision = 0x08;
constexpr std::uint8_t known_fields = has_once | has_since | has_if_revision;

std::uint8_t tag_of(const SetCommand& command) {
  std::uint8_t tag = set_tag;
  if (command.once) {
    tag |= has_once;
    if (command.once->since) {
      tag |= has_since;
    }
  }
  if (command.if_revision) {
    tag |= has_if_revision;
  }
  return tag;
}

Once read_once(ByteReader& reader, std::uint8_t tag) {
  Once once;
  once.client = reader.sized();
  once.number = reader.number<std::uint64_t>();
  once.max_sessions = reader.number<std::uint32_t>();
  if ((tag & has_since) != 0) {
    once.since = LogIndex(reader.number<std::uint64_t>());
  }
  return once;
}

}  // namespace

Bytes encode_command(const SetCommand& command) {
  Bytes out;
  out.reserve(64 + command.key.size() + command.value.size());
  ByteWriter writer(out);
  writer.number(tag_of(command));
  if (command.once) {
    writer.sized(command.once->client);
    writer.number(command.once->number);
    writer.number(command.once->max_sessions);
    if (command.once->since) {
      writer.number(command.once->since->value);
    }
  }
  if (command.if_revision) {
    writer.number(command.if_revision->value);
  }
  writer.sized(command.key);
  writer.raw(command.value);
  return out;
}

std::optional<SetCommand> decode_command(BytesView payload) {
  ByteReader reader(payload);
  const auto tag = reader.number<std::uint8_t>();
  if ((tag & ~known_fields) != set_tag || ((tag & has_since) != 0 && (tag & has_once) == 0)) {
    return std::nullopt;
  }
  SetCommand command;
  if ((tag & has_once) != 0) {
    command.once = read_once(reader, tag);
  }
  if ((tag & has_if_revision) != 0) {
    command.if_revision = LogIndex(reader.number<std::uint64_t>());
  }
  command.key = reader.sized();
  command.value = reader.raw(reader.remaining());
  if (!reader.ok() || (command.once && command.once->max_sessions == 0)) {
    return std::nullopt;
  }
  return command;
}

}  // namespace strata::kv
