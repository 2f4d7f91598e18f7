// What the replicated log carries: the commands of the dictionary, encoded as an entry's payload. Pure.
#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace strata::kv {

struct SetCommand {
  BytesView key;
  BytesView value;
};

Bytes encode_command(const SetCommand& command);
// Views into `payload`. Nothing when it is not a command of this version.
std::optional<SetCommand> decode_command(BytesView payload);

}  // namespace strata::kv
