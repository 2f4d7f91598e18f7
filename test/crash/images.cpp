#include "crash/images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <numeric>

namespace strata::crash {

namespace {

constexpr std::array<std::string_view, kinds> names = {
    "cut",          "flipped_bit", "spoilt_sector", "swapped_sectors", "death",        "power_loss",
    "second_crash", "short_write", "refused_call",  "forgery",         "record_length"};
constexpr std::uint64_t most_shown = 20;  // of each kind

// Spreads the names evenly, the same on every machine.
double place_of(const ImageId& id) {
  std::uint64_t state = static_cast<std::uint64_t>(id.kind) * 1'000'003 + id.from;
  for (const std::uint64_t number : id.at) {
    state = (state ^ number) + 0x9E3779B97F4A7C15;  // splitmix64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB;
    state ^= state >> 31;
  }
  return static_cast<double>(state >> 11) * 0x1p-53;
}

}  // namespace

std::string_view name_of(Kind kind) {
  return names[static_cast<std::size_t>(kind)];
}

std::string to_string(const ImageId& id) {
  return fmt::format("{}:{}:{}:{}:{}", name_of(id.kind), id.from, id.at[0], id.at[1], id.at[2]);
}

std::optional<ImageId> parse_image_id(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto name = std::ranges::find(names, text.substr(0, colon));
  if (colon == std::string_view::npos || name == names.end()) {
    return std::nullopt;
  }
  ImageId id;
  id.kind = static_cast<Kind>(name - names.begin());
  std::array<std::uint64_t, 4> numbers{};
  const char* at = text.data() + colon;
  const char* const end = text.data() + text.size();
  for (std::uint64_t& number : numbers) {
    if (at == end || *at != ':') {
      return std::nullopt;
    }
    const auto [behind, error] = std::from_chars(at + 1, end, number);
    if (error != std::errc()) {
      return std::nullopt;
    }
    at = behind;
  }
  id.from = numbers[0];
  std::copy(numbers.begin() + 1, numbers.end(), id.at.begin());
  return at == end ? std::optional(id) : std::nullopt;
}

bool Images::wants(Kind kind, std::size_t from) const {
  return !only_ || (only_->kind == kind && only_->from == from);
}

bool Images::wants(const ImageId& id) const {
  return only_ ? *only_ == id : part_ >= 1 || place_of(id) < part_;
}

void Images::look(const ImageId& id, const std::function<std::string()>& look) {
  current_ = id;
  Count& count = counts_[static_cast<std::size_t>(id.kind)];
  count.images += 1;
  std::string fault;
  try {
    fault = look();
  } catch (const std::exception& error) {
    fault = fmt::format("exception: {}", error.what());
  }
  if (!fault.empty() && ++count.wrong <= most_shown) {
    fmt::print("WRONG --image {}: {}\n", to_string(id), fault);
    std::fflush(stdout);
  }
}

Images::Count Images::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), Count(), [](const Count& one, const Count& other) {
    return Count{one.images + other.images, one.wrong + other.wrong};
  });
}

}  // namespace strata::crash
