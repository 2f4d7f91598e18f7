#include "base/entry.hpp"

#include "base/checksum.hpp"

namespace strata {

void encode_entry(Bytes& out, EntryType type, Term term, LogIndex index, BytesView payload) {
  const std::size_t start = out.size();
  ByteWriter writer(out);
  writer.number(std::uint32_t{0});
  writer.number(static_cast<std::uint32_t>(payload.size()));
  writer.number(term.value);
  writer.number(index.value);
  writer.number(static_cast<std::uint32_t>(type));  // the type's byte and three of zero
  writer.raw(payload);
  const std::uint32_t checksum = crc32c(BytesView(out).substr(start + sizeof checksum));
  std::memcpy(out.data() + start, &checksum, sizeof checksum);
}

std::optional<std::size_t> entry_size(BytesView bytes) {
  ByteReader reader(bytes);
  reader.number<std::uint32_t>();
  const std::size_t size = Entry::header_size + reader.number<std::uint32_t>();
  if (!reader.ok() || size > bytes.size()) {
    return std::nullopt;
  }
  return size;
}

std::optional<Entry> decode_entry(SharedBytes body) {
  ByteReader reader(body.view());
  const auto checksum = reader.number<std::uint32_t>();
  const auto length = reader.number<std::uint32_t>();
  Entry entry;
  entry.term = Term(reader.number<std::uint64_t>());
  entry.index = LogIndex(reader.number<std::uint64_t>());
  const auto type = reader.number<std::uint32_t>();
  if (!reader.ok() || reader.remaining() != length || crc32c(body.view().substr(sizeof checksum)) != checksum) {
    return std::nullopt;
  }
  if (type < static_cast<std::uint32_t>(EntryType::no_op) ||
      type > static_cast<std::uint32_t>(EntryType::new_generation)) {
    return std::nullopt;
  }
  entry.type = static_cast<EntryType>(type);
  entry.body = std::move(body);
  return entry;
}

Entry make_entry(EntryType type, Term term, LogIndex index, BytesView payload) {
  Bytes body;
  body.reserve(Entry::header_size + payload.size());
  encode_entry(body, type, term, index, payload);
  return Entry{term, index, type, SharedBytes(std::move(body))};
}

}  // namespace strata
