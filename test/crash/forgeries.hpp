// Sound heads and headers that say something else than was written, and files in the place of others.
#pragma once

#include <cstddef>

#include "crash/damage_forecast.hpp"
#include "crash/images.hpp"

namespace strata::crash {

// `from`: the number of the state in the names of the images.
void forge_every_field(Images& images, const AtRest& state, std::size_t from);
void forge_every_length(Images& images, const AtRest& state, std::size_t from);

}  // namespace strata::crash
