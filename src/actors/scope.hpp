// A scope owns spawned work: it counts what runs, reports what failed, and is joined before it ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <string>

#include "actors/mailbox.hpp"
#include "base/log.hpp"

namespace strata::actors {

// spawn and join belong to one thread (the owner's); the work may run on other executors.
class Scope {
 public:
  // Failures are logged. `owner` is the executor on which join is awaited.
  Scope(boost::asio::any_io_executor owner, Logger& logger);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // All work has ended and was joined: asserted.
  ~Scope();

  // Starts `work` on `executor`. `name` is for the log: an exception that leaves `work` is our bug and ends the process
  // after it was logged.
  void spawn(boost::asio::any_io_executor executor, std::string name, boost::asio::awaitable<void> work);

  // Returns when everything that was spawned has ended. Stopping the work is its owner's business.
  boost::asio::awaitable<void> join();

  // For the simulator's kill -9: the executors drop all work from now on, so nothing of it will end or is joined.
  void abandon();

 private:
  struct Ended {};

  Logger& logger_;
  Mailbox<Ended> ended_;
  std::size_t running_ = 0;
};

}  // namespace strata::actors
