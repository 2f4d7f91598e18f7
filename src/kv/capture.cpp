#include "kv/capture.hpp"

#include <utility>

#include "base/checksum.hpp"
#include "base/sometimes.hpp"
#include "kv/encoding.hpp"
#include "kv/state_machine.hpp"

namespace strata::kv {

Capture::Capture(const StateMachine& state) : applied_(state.applied()), head_(encode_head(state)) {}

void Capture::about_to_store(const Dictionary& dictionary, BytesView key) {
  const std::size_t part = Dictionary::part_of(key);
  if (part < next_part_) {
    return;
  }
  EarlierItems& earlier = earlier_[part];
  if (!earlier.contains(key)) {
    sometimes(Mark::stored_while_captured);
    const Item* const item = dictionary.find(key);
    earlier.emplace(key, item == nullptr ? std::nullopt : std::optional(*item));
  }
}

std::size_t Capture::kept() const {
  std::size_t items = 0;
  for (const auto& [part, earlier] : earlier_) {
    items += earlier.size();
  }
  return items;
}

Bytes Capture::next(const Dictionary& dictionary, std::size_t bytes) {
  Bytes piece = std::exchange(head_, {});
  while (piece.size() < bytes && next_part_ < Dictionary::parts) {
    EarlierItems earlier;
    if (auto stored_since = earlier_.extract(next_part_)) {
      earlier = std::move(stored_since.mapped());
    }
    piece += encode_part(dictionary, next_part_, earlier);
    ++next_part_;
  }
  checksum_ = crc32c_extend(checksum_, piece);
  if (next_part_ == Dictionary::parts && !ended_) {
    ended_ = true;
    piece += encode_end(checksum_);
  }
  return piece;
}

}  // namespace strata::kv
