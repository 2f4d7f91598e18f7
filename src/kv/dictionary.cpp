#include "kv/dictionary.hpp"

#include "base/assert.hpp"
#include "kv/command.hpp"

namespace strata::kv {

void Dictionary::apply(const Entry& entry) {
  STRATA_ASSERT(entry.index == applied_.next());
  applied_ = entry.index;
  if (entry.type == EntryType::no_op) {
    return;
  }
  const auto command = decode_command(entry.payload());
  STRATA_ASSERT(command.has_value());
  const auto found = entries_.find(command->key);
  Stored& stored = found != entries_.end() ? found->second : entries_[Bytes(command->key)];
  stored.value.assign(command->value);
  stored.revision = entry.index;
}

const Stored* Dictionary::find(BytesView key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace strata::kv
