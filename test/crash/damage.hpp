// What a disk may do to the files of a log at rest.
#pragma once

#include <cstddef>

#include "crash/damage_forecast.hpp"
#include "crash/images.hpp"

namespace strata::crash {

// `from`: the number of the state in the names of the images.
void cut_at_every_byte(Images& images, const AtRest& state, std::size_t from);
void flip_every_bit(Images& images, const AtRest& state, std::size_t from);
void spoil_every_sector(Images& images, const AtRest& state, std::size_t from);
void swap_every_two_sectors(Images& images, const AtRest& state, std::size_t from);

// The changed state must become what the forecast says. Empty: it does.
std::string judge_changes(const AtRest& state, const History& history, const Changes& changes,
                          const Forecast& forecast);

}  // namespace strata::crash
