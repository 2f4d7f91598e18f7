#include "kv/command.hpp"

namespace strata::kv {

namespace {
constexpr std::uint8_t set_tag = 1;
}

Bytes encode_command(const SetCommand& command) {
  Bytes out;
  out.reserve(sizeof set_tag + sizeof(std::uint32_t) + command.key.size() + command.value.size());
  ByteWriter writer(out);
  writer.number(set_tag);
  writer.sized(command.key);
  writer.raw(command.value);
  return out;
}

std::optional<SetCommand> decode_command(BytesView payload) {
  ByteReader reader(payload);
  const auto tag = reader.number<std::uint8_t>();
  const BytesView key = reader.sized();
  const BytesView value = reader.raw(reader.remaining());
  if (!reader.ok() || tag != set_tag) {
    return std::nullopt;
  }
  return SetCommand{key, value};
}

}  // namespace strata::kv
