// What the texts of a SET's errors say; the code beside them is what programs read.
#pragma once

#include <string_view>

namespace strata::actors::set_answers {

inline constexpr std::string_view no_leader = "no leader is known; not stored, try again";
inline constexpr std::string_view no_leader_recovering =
    "this node is recovering, or does not take part yet (see STATUS), and no leader is known; not stored, try again";
inline constexpr std::string_view disk_full =
    "the disk is full, the leader's or a majority's: there is no room for the log; not stored, try again later";
inline constexpr std::string_view stopping = "this node is shutting down; not stored, ask another";
inline constexpr std::string_view lost_leader = "the leader was lost before the write was known to be committed";
inline constexpr std::string_view stopped = "the node stopped before the write was known to be committed";
inline constexpr std::string_view since_not_reached =
    "power was lost, and with it the revision that SINCE names; repeat the write until the log has reached it again";
inline constexpr std::string_view out_of_time = "the time ran out before the write was known to be committed";

}  // namespace strata::actors::set_answers
