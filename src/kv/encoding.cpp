#include "kv/encoding.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"

namespace strata::kv {

namespace {

constexpr std::uint32_t state_magic = 0x54415453;  // "STAT"
// Before it, the head held no generation; there was only the first.
constexpr std::uint32_t version_without_generation = 1;
constexpr std::uint32_t state_version = 2;

enum class OutcomeKind : std::uint8_t { stored, conflict, stale_number };

void encode(ByteWriter& out, const Outcome& outcome) {
  if (const auto* stored = std::get_if<Stored>(&outcome)) {
    out.number(static_cast<std::uint8_t>(OutcomeKind::stored));
    out.number(stored->revision.value);
  } else if (const auto* conflict = std::get_if<Conflict>(&outcome)) {
    out.number(static_cast<std::uint8_t>(OutcomeKind::conflict));
    out.number(conflict->revision.value);
  } else {
    STRATA_ASSERT(std::holds_alternative<StaleNumber>(outcome));
    out.number(static_cast<std::uint8_t>(OutcomeKind::stale_number));
    out.number(std::uint64_t{0});
  }
}

std::optional<Outcome> outcome_of(std::uint8_t kind, LogIndex revision) {
  switch (static_cast<OutcomeKind>(kind)) {
    case OutcomeKind::stored:
      return Stored{revision};
    case OutcomeKind::conflict:
      return Conflict{revision};
    case OutcomeKind::stale_number:
      return StaleNumber();
  }
  return std::nullopt;
}

Error damage(const char* text) {
  return {ErrorKind::damaged, text};
}

}  // namespace

// ---- Encoding ----

Bytes encode_head(const StateMachine& state) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.number(state_magic);
  out.number(state_version);
  out.number(state.applied().value);
  out.number(state.sessions().last_forgotten_at().value);
  out.number(std::uint64_t{state.sessions().size()});
  out.number(std::uint64_t{state.dictionary().size()});
  out.number(state.generation());
  for (const Session& session : state.sessions().in_order()) {
    out.sized(session.client);
    out.number(session.number);
    encode(out, session.outcome);
  }
  return bytes;
}

Bytes encode_part(const Dictionary& dictionary, std::size_t part, const EarlierItems& earlier) {
  Bytes bytes;
  ByteWriter out(bytes);
  auto next_earlier = earlier.begin();
  for (const auto& [key, now] : dictionary.sorted_part(part)) {
    const Item* item = now;
    if (next_earlier != earlier.end() && next_earlier->first == key) {
      item = next_earlier->second ? &*next_earlier->second : nullptr;
      ++next_earlier;
    }
    if (item != nullptr) {
      out.sized(key);
      out.sized(item->value);
      out.number(item->revision.value);
    }
  }
  STRATA_ASSERT(next_earlier == earlier.end());
  return bytes;
}

Bytes encode_end(std::uint32_t checksum_of_all_before) {
  Bytes bytes;
  ByteWriter(bytes).number(checksum_of_all_before);
  return bytes;
}

// ---- Decoding ----

void StateDecoder::fail(Error error) {
  step_ = Step::bad;
  error_ = std::move(error);
}

void StateDecoder::add(BytesView bytes) {
  buffer_ += bytes;
  std::size_t taken = 0;
  while (step_ != Step::bad && step_ != Step::done) {
    ByteReader in(BytesView(buffer_).substr(taken));
    const Step before = step_;
    if (!take_next(in)) {
      break;  // the rest of it is still to come
    }
    const std::size_t size = buffer_.size() - taken - in.remaining();
    if (before != Step::end) {
      checksum_ = crc32c_extend(checksum_, BytesView(buffer_).substr(taken, size));
    }
    taken += size;
  }
  buffer_.erase(0, taken);
}

// Nothing is changed when it is not there whole.
bool StateDecoder::take_next(ByteReader& in) {
  switch (step_) {
    case Step::head:
      take_head(in);
      break;
    case Step::sessions:
      take_session(in);
      break;
    case Step::keys:
      take_key(in);
      break;
    case Step::end:
      take_end(in);
      break;
    case Step::done:
    case Step::bad:
      break;
  }
  if (!in.ok() || step_ == Step::bad) {
    return false;
  }
  if (step_ == Step::sessions && sessions_left_ == 0) {
    step_ = Step::keys;
  }
  if (step_ == Step::keys && keys_left_ == 0) {
    step_ = Step::end;
  }
  return true;
}

void StateDecoder::take_head(ByteReader& in) {
  const auto magic = in.number<std::uint32_t>();
  const auto version = in.number<std::uint32_t>();
  const auto applied = in.number<std::uint64_t>();
  const auto last_forgotten_at = in.number<std::uint64_t>();
  const auto sessions = in.number<std::uint64_t>();
  const auto keys = in.number<std::uint64_t>();
  const auto generation = version == version_without_generation ? 1 : in.number<std::uint64_t>();
  if (!in.ok()) {
    return;
  }
  if (magic != state_magic) {
    fail(damage("no state machine begins here"));
    return;
  }
  if (version != state_version && version != version_without_generation) {
    fail({ErrorKind::mismatch, fmt::format("the state machine has format {}, this program reads formats {} and {}",
                                           version, version_without_generation, state_version)});
    return;
  }
  if (generation == 0) {
    fail(damage("a generation that no state machine has"));
    return;
  }
  applied_ = LogIndex(applied);
  generation_ = generation;
  sessions_ = Sessions(LogIndex(last_forgotten_at));
  sessions_left_ = sessions;
  keys_left_ = keys;
  step_ = Step::sessions;
}

void StateDecoder::take_session(ByteReader& in) {
  Session session;
  session.client = Bytes(in.sized());
  session.number = in.number<std::uint64_t>();
  const auto kind = in.number<std::uint8_t>();
  const LogIndex revision(in.number<std::uint64_t>());
  if (!in.ok()) {
    return;
  }
  const std::optional<Outcome> outcome = outcome_of(kind, revision);
  if (!outcome || sessions_.knows(session.client)) {
    fail(damage("a session that no state machine holds"));
    return;
  }
  session.outcome = *outcome;
  sessions_.restore(std::move(session));
  --sessions_left_;
}

void StateDecoder::take_key(ByteReader& in) {
  const BytesView key = in.sized();
  const BytesView value = in.sized();
  const LogIndex revision(in.number<std::uint64_t>());
  if (in.ok()) {
    dictionary_.store(key, value, revision);
    --keys_left_;
  }
}

void StateDecoder::take_end(ByteReader& in) {
  const auto checksum = in.number<std::uint32_t>();
  if (!in.ok()) {
    return;
  }
  if (checksum != checksum_) {
    fail(damage("the state machine's checksum is wrong"));
    return;
  }
  step_ = Step::done;
}

Result<StateMachine> StateDecoder::finish() {
  if (error_) {
    return *error_;
  }
  if (step_ != Step::done || !buffer_.empty()) {
    return damage("the state machine is cut short, or something stands behind it");
  }
  return StateMachine(std::move(dictionary_), std::move(sessions_), applied_, generation_);
}

}  // namespace strata::kv
