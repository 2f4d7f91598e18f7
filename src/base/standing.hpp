// Whether what a node holds is all that it ever acknowledged: the log's room finds out at a start, the core obeys it.
#pragma once

#include <cstdint>

namespace strata {

// Design, section 6; reliability, 2.4 and 2.5.
enum class Standing : std::uint8_t {
  sound,  // it is
  // Its machine lost power at `--ack synced`, and the end of its log was torn: nothing that it acknowledged is missing,
  // if its disk is honest about the last sync. It neither votes nor campaigns for a while, or until it has caught up,
  // so that a leader who certainly has everything comes first.
  abstaining,
  // Something may be missing: it votes only with a flag, and campaigns only when nobody else does. It takes entries,
  // and is sound again when it holds all that a leader had after this start.
  recovering,
};

}  // namespace strata
