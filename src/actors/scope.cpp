#include "actors/scope.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

namespace strata::actors {

namespace {

std::string what(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

Scope::Scope(boost::asio::any_io_executor owner, Logger& logger) : logger_(logger), ended_(std::move(owner), {}) {}

Scope::~Scope() {
  STRATA_ASSERT(running_ == 0);
}

void Scope::spawn(boost::asio::any_io_executor executor, std::string name, boost::asio::awaitable<void> work) {
  ++running_;
  boost::asio::co_spawn(executor, std::move(work), [this, name = std::move(name)](const std::exception_ptr& exception) {
    if (exception) {
      logger_.error("{} ended by {}", name, what(exception));
      assertion_failed("an actor let an exception escape");
    }
    ended_.post_owed(Ended{}, 0);
  });
}

boost::asio::awaitable<void> Scope::join() {
  while (running_ > 0) {
    auto batch = co_await ended_.receive();
    for ([[maybe_unused]] Ended& ended : batch) {
      --running_;
    }
  }
}

void Scope::abandon() {
  ended_.close();
  running_ = 0;
}

}  // namespace strata::actors
