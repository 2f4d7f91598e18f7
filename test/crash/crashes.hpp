// The ends of a node that lives a story: its process, its machine, again while it recovers, a short write, a refusal.
#pragma once

#include <cstddef>

#include "crash/images.hpp"
#include "crash/story.hpp"

namespace strata::crash {

// `from`: the number of the story in the names of the images.
void die_at_every_call(Images& images, const Story& story, std::size_t from);
void lose_power_at_every_call(Images& images, const Story& story, std::size_t from);
void crash_in_every_recovery(Images& images, const Story& story, std::size_t from);
void shorten_every_write(Images& images, const Story& story, std::size_t from);
void refuse_every_call(Images& images, const Story& story, std::size_t from);

}  // namespace strata::crash
