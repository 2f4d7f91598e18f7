// What the servers say to each other: counted, and held up as the labs' "long reordering" does.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "sim/network.hpp"
#include "sim/random.hpp"

namespace strata::mit {

class Traffic {
 public:
  // Watches the network, which must not be used after this.
  Traffic(sim::Network& network, sim::Random random);

  // Remote procedure calls so far. A call is a request with its answer; answers that no request asked for would count
  // as calls, too.
  std::uint64_t calls() const { return std::max(requests_, answers_); }
  // Bytes of all messages so far, whole frames.
  std::uint64_t bytes() const { return bytes_; }

  // Chunks of snapshots so far.
  std::uint64_t snapshot_chunks() const { return snapshot_chunks_; }

  // Two of three answers take 200 ms and up to two seconds more, most of them less.
  void set_long_reordering(bool on) { long_reordering_ = on; }

 private:
  Duration watch(const SharedBytes& frame);

  sim::Random random_;
  bool long_reordering_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t snapshot_chunks_ = 0;
};

}  // namespace strata::mit
