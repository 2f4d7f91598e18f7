// The two durability levels of Strata (design, sections 4 to 6).
#pragma once

#include <cstdint>
#include <string_view>

namespace strata {

enum class Durability : std::uint8_t {
  written = 1,  // in the kernel: survives the death of the process
  synced = 2,   // on stable storage: survives the loss of power
};

constexpr std::string_view name_of(Durability level) {
  return level == Durability::synced ? "synced" : "written";
}

}  // namespace strata
