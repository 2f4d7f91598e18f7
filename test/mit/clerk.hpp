// The client of lab 3: one request at a time, repeated until a server answers it; remembers who answered. A Put is a
// SET with ONCE, and each value is like no other. The labs' Append stands for what must be done exactly once: so does
// such a SET, since its answers, every read and every dictionary name the one place in the log where it took effect.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "mit/harness.hpp"
#include "sim/client.hpp"

namespace strata::mit {

class Clerk {
 public:
  // `number`: of the lab's clerks, from 0. Asks all servers.
  Clerk(Lab& lab, std::size_t number);
  // From now on it asks these only.
  void ask(std::vector<Server> servers);

  // What is written, or read; 0: nothing.
  Script<Command> put(Bytes key);
  Script<Command> get(Bytes key);
  Command put_now(Bytes key) { return lab_.run(put(std::move(key))); }
  Command get_now(Bytes key) { return lab_.run(get(std::move(key))); }

 private:
  NodeId favourite() const { return NodeId(static_cast<std::uint16_t>(servers_[favourite_] + 1)); }
  void try_next() { favourite_ = (favourite_ + 1) % servers_.size(); }
  // Until the request is answered or has waited long enough.
  Script<> wait_for(sim::Client::Number number);

  Lab& lab_;
  sim::Client& client_;
  std::vector<Server> servers_;
  std::size_t favourite_ = 0;
};

}  // namespace strata::mit
