#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

namespace strata {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 6> time_units{{{"ns", 1},
                                          {"us", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};
constexpr std::array<Unit, 4> size_units{{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};

// number × unit, when the text is just that and the product fits into 63 bits.
std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::string_view bare_unit) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  if (name.empty()) {
    name = number == 0 ? units.front().name : bare_unit;
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (const Unit& unit : units) {
    if (unit.name == name && number <= most / unit.factor) {
      return number * unit.factor;
    }
  }
  return std::nullopt;
}

std::string format(std::uint64_t number, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (number % unit.factor == 0) {
      best = &unit;
    }
  }
  return fmt::format("{}{}", number / best->factor, best->name);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (const auto nanoseconds = parse(text, time_units, "")) {
    return Duration(static_cast<Duration::rep>(*nanoseconds));
  }
  return Error{
      ErrorKind::invalid,
      fmt::format("\"{}\" is not a duration: write 0 or a whole number with a unit, like 500us, 2ms or 1s", text)};
}

Result<std::uint64_t> parse_size(std::string_view text) {
  if (const auto bytes = parse(text, size_units, "B")) {
    return *bytes;
  }
  return Error{
      ErrorKind::invalid,
      fmt::format("\"{}\" is not a size: write a whole number of bytes, or one with a unit, like 64KiB or 16MiB",
                  text)};
}

std::string format_duration(Duration duration) {
  return duration == Duration::zero() ? "0" : format(static_cast<std::uint64_t>(duration.count()), time_units);
}

std::string format_size(std::uint64_t bytes) {
  return bytes == 0 ? "0B" : format(bytes, size_units);
}

}  // namespace strata
