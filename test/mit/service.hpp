// The load of lab 3 with its faults and what must hold after it, for all tests that differ in nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mit/harness.hpp"

namespace strata::mit {

struct ServiceTest {
  std::size_t clients = 1;
  std::size_t servers = 5;
  bool unreliable = false;         // members' and clients' messages are lost
  bool crash = false;              // all servers lose power at once
  bool partitions = false;         // in two parts, others every second
  bool random_keys = false;        // else each client has a key of its own, and must read what it wrote last
  std::size_t max_raft_state = 0;  // bytes, at about which a snapshot is taken; 0: none ever is
};

LabOptions options_for(std::size_t max_raft_state);

// Three times: five seconds of load, then calm; then everything is checked.
void run_service(const ServiceTest& test, std::uint64_t seed);

// A thousand writes one after the other, by the first clerk, at least three of them in the time of a heartbeat.
void check_speed(const LabOptions& options, std::uint64_t seed);

}  // namespace strata::mit
