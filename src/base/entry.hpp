// An entry of the replicated log and its one encoding: the same bytes in the leader's log, in the message to every
// peer, and in the peers' logs (design, section 4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace strata {

// Names an entry. Two logs that hold an entry of the same name are equal up to it (Log Matching, section 5.3). {0, 0}
// is the place before the first entry, which every log holds.
struct EntryId {
  LogIndex index;
  Term term;
  bool operator==(const EntryId&) const = default;
};

enum class EntryType : std::uint8_t {
  no_op = 1,    // appended by a leader at the start of its term (Raft paper, section 8); no payload
  command = 2,  // a command of kv, opaque to everyone else
  // A no-op whose leader needed flagged votes: what was only written may have been lost (design, section 6, rule 5).
  new_generation = 3,
};

// Encoded body, little-endian:
//    0  u32  CRC-32C of all that follows
//    4  u32  length of the payload
//    8  u64  term
//   16  u64  index
//   24  u8   type
//   25  u8×3 zero
//   28       payload
struct Entry {
  static constexpr std::size_t header_size = 28;

  Term term;
  LogIndex index;
  EntryType type = EntryType::no_op;
  SharedBytes body;  // the encoding, header and payload

  BytesView payload() const { return body.view().substr(header_size); }
};

// Appends the body of an entry to `out`.
void encode_entry(Bytes& out, EntryType type, Term term, LogIndex index, BytesView payload);

// The size of the body at the front of `bytes`, from its length field; nothing when `bytes` is too short to say or the
// body would reach past its end. Checks nothing else.
std::optional<std::size_t> entry_size(BytesView bytes);

// Decodes exactly one body; it shares `body`'s buffer. Nothing when a length, the type, the padding or the checksum is
// wrong.
std::optional<Entry> decode_entry(SharedBytes body);

// One entry with a buffer of its own.
Entry make_entry(EntryType type, Term term, LogIndex index, BytesView payload);

// A stretch of the log in one term: from `first` up to the next run's `first`. A log's runs, in order of their first
// index, name the term of every entry in a few bytes a term.
struct TermRun {
  Term term;
  LogIndex first;
  bool operator==(const TermRun&) const = default;
};

// Entries of a log whose records cannot be read any more, though they were on stable storage once.
struct Hole {
  LogIndex first;
  LogIndex last;
  bool terms_known = false;  // the log's TermRuns have them; else these have the least that each can have
  bool operator==(const Hole&) const = default;
};

}  // namespace strata
