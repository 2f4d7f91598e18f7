#include "mit/clerk.hpp"

#include <utility>

namespace strata::mit {

namespace {

constexpr Duration patience = milliseconds(300);  // with one server
constexpr Duration look_interval = std::chrono::microseconds(200);
constexpr Duration after_error = milliseconds(20);

}  // namespace

Clerk::Clerk(Lab& lab, std::size_t number) : lab_(lab), client_(lab.client_of_clerk(number)) {
  for (Server server = 0; server < lab.servers(); ++server) {
    servers_.push_back(server);
  }
}

void Clerk::ask(std::vector<Server> servers) {
  servers_ = std::move(servers);
  favourite_ = 0;
}

Script<> Clerk::wait_for(sim::Client::Number number) {
  const TimePoint end = lab_.now() + patience;
  while (client_.fate(number) == sim::Fate::open && lab_.now() < end) {
    co_await lab_.pause(look_interval);
  }
  if (client_.fate(number) == sim::Fate::error) {
    co_await lab_.pause(after_error);
  }
}

Script<Command> Clerk::put(Bytes key) {
  const sim::Client::Number number = client_.set_once(favourite(), key, small);
  for (;;) {
    co_await wait_for(number);
    if (client_.fate(number) == sim::Fate::ok) {
      co_return client_.value(number);
    }
    try_next();
    client_.repeat(number, favourite());
  }
}

Script<Command> Clerk::get(Bytes key) {
  for (;;) {
    const sim::Client::Number number = client_.get(favourite(), key);
    co_await wait_for(number);
    if (client_.fate(number) == sim::Fate::ok) {
      co_return client_.value(number);
    }
    try_next();
  }
}

}  // namespace strata::mit
