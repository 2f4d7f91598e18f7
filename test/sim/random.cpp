#include "sim/random.hpp"

#include <bit>

#include "base/assert.hpp"

namespace strata::sim {

namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::uint64_t derive(std::uint64_t seed, Purpose purpose, std::uint64_t index) {
  std::uint64_t state = seed;
  const std::uint64_t first = splitmix64(state);
  state = first ^ ((static_cast<std::uint64_t>(purpose) + 1) << 32) ^ index;
  return splitmix64(state);
}

}  // namespace

Random::Random(std::uint64_t seed) : state_() {
  for (std::uint64_t& word : state_) {
    word = splitmix64(seed);
  }
}

Random::Random(std::uint64_t seed, Purpose purpose, std::uint64_t index) : Random(derive(seed, purpose, index)) {}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  STRATA_ASSERT(bound > 0);
  const std::uint64_t mask = bound == 1 ? 0 : ~std::uint64_t{0} >> std::countl_zero(bound - 1);
  for (;;) {
    const std::uint64_t drawn = next() >> 7 & mask;  // every bound is far below 2^57
    if (drawn < bound) {
      return drawn;
    }
  }
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  STRATA_ASSERT(low <= high);
  return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
}

Duration Random::between(Duration low, Duration high) {
  return Duration(between(low.count(), high.count()));
}

Duration Random::skewed(Duration typical) {
  Duration drawn = between(Duration::zero(), 2 * typical);
  if (chance(33)) {
    drawn *= std::int64_t{1} << below(7);
  }
  return drawn;
}

}  // namespace strata::sim
