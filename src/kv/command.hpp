// What the replicated log carries: the commands of the dictionary, encoded as an entry's payload. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace strata::kv {

// Exactly once (docs/protocol.md, ONCE and SINCE): `number` rises with each new write of `client`.
struct Once {
  BytesView client;
  std::uint64_t number = 0;
  std::optional<LogIndex> since;
  // How many sessions are kept: the --max-sessions of the node that appended the entry. It stands in the entry so that
  // every node forgets the same sessions at the same place of the log (docs/decisions/session_limit.md). At least 1.
  std::uint32_t max_sessions = 100'000;
};

struct SetCommand {
  BytesView key;
  BytesView value;
  std::optional<Once> once = std::nullopt;
  std::optional<LogIndex> if_revision = std::nullopt;  // store only if this is the key's revision; 0: only if it is new
};

Bytes encode_command(const SetCommand& command);
// Views into `payload`. Nothing when it is not a command this version knows.
std::optional<SetCommand> decode_command(BytesView payload);

}  // namespace strata::kv
