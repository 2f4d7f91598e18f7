// The client's own questions to the nodes (STATUS), beside those of its callers.
#pragma once

#include "client/requests.hpp"

namespace strata::client {

// The number in the envelope of such a question; no request has it (it would be the table's last slot, never made).
inline constexpr RequestTable::Number probe_number = UINT64_MAX;

}  // namespace strata::client
