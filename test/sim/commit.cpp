#include "sim_commit.hpp"

#include "sim/campaign.hpp"

namespace strata::sim {

const char* const commit = STRATA_COMMIT;

}  // namespace strata::sim
