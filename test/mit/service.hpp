// The load of lab 3 with its faults and what must hold after it, for all tests that differ in nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::mit {

struct ServiceTest {
  std::size_t clients = 1;
  std::size_t servers = 5;
  bool unreliable = false;   // members' and clients' messages are lost
  bool crash = false;        // all servers lose power at once
  bool partitions = false;   // in two parts, others every second
  bool random_keys = false;  // else each client has a key of its own, and must read what it wrote last
};

// Three times: five seconds of load, then calm; then everything is checked.
void run_service(const ServiceTest& test, std::uint64_t seed);

}  // namespace strata::mit
