// The state machine as bytes, and back (docs/wal_format.md, "The content of a snapshot"). Equal states have equal
// bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "kv/state_machine.hpp"

namespace strata::kv {

// The parts of the encoding, in order: the head with the sessions, the dictionary's parts, the end.
Bytes encode_head(const StateMachine& state);
// `earlier`: of keys of this part, what is to stand there instead.
Bytes encode_part(const Dictionary& dictionary, std::size_t part, const EarlierItems& earlier);
Bytes encode_end(std::uint32_t checksum_of_all_before);

// Takes the bytes in as they come.
class StateDecoder {
 public:
  // Any part of it, behind the one before.
  void add(BytesView bytes);
  // When all has been added: the state; or damaged (cut short, too long, a bad checksum, something that no state holds)
  // or mismatch (a newer version).
  Result<StateMachine> finish();

 private:
  enum class Step : std::uint8_t { head, sessions, keys, end, done, bad };

  bool take_next(ByteReader& in);
  void take_head(ByteReader& in);
  void take_session(ByteReader& in);
  void take_key(ByteReader& in);
  void take_end(ByteReader& in);
  void fail(Error error);

  Step step_ = Step::head;
  Bytes buffer_;  // not yet taken
  std::uint32_t checksum_ = 0;
  LogIndex applied_;
  std::uint64_t generation_ = 1;
  std::uint64_t sessions_left_ = 0;
  std::uint64_t keys_left_ = 0;
  Sessions sessions_;
  Dictionary dictionary_;
  std::optional<Error> error_;
};

}  // namespace strata::kv
