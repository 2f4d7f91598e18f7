// Which images are looked at, and what became of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::crash {

enum class Kind : std::uint8_t {
  cut,              // a file that ends at any byte
  flipped_bit,      // any bit
  spoilt_sector,    // zeros, garbage or earlier content in any sector or page
  swapped_sectors,  // any two, or one that stands twice
  death,            // of the process, at any call
  power_loss,       // at any call
  second_crash,     // at any call of the recovery
  short_write,      // of any length
  refused_call,     // any
  forgery,          // a sound head or header that says something else; a file in another's place
  record_length,    // any that is wrong
};
inline constexpr std::size_t kinds = 11;
std::string_view name_of(Kind kind);

// Names an image, for good: the kind, the story or state that it was made from, and what was done to it.
struct ImageId {
  Kind kind = Kind::cut;
  std::size_t from = 0;
  std::array<std::uint64_t, 3> at{};
  bool operator==(const ImageId&) const = default;
};
std::string to_string(const ImageId& id);
std::optional<ImageId> parse_image_id(std::string_view text);

class Images {
 public:
  // `part` of all, from 0 to 1, chosen by their names; or only one.
  explicit Images(double part) : part_(part) {}
  explicit Images(const ImageId& only) : only_(only) {}

  // Whether anything of a kind is to be looked at, or of what it was made from: saves the work before it.
  bool wants(Kind kind, std::size_t from) const;
  bool wants(const ImageId& id) const;
  // Looks at an image that is wanted. `look` says what is wrong, or nothing.
  void look(const ImageId& id, const std::function<std::string()>& look);

  struct Count {
    std::uint64_t images = 0;
    std::uint64_t wrong = 0;
  };
  const Count& count(Kind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  Count total() const;
  // The one that is being looked at.
  const ImageId& current() const { return current_; }

 private:
  double part_ = 1;
  std::optional<ImageId> only_;
  std::array<Count, kinds> counts_{};
  ImageId current_;
};

}  // namespace strata::crash
