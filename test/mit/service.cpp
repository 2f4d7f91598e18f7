#include "mit/service.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "mit/clerk.hpp"
#include "mit/harness.hpp"

namespace strata::mit {

namespace {

// Between a client's requests: enough of them, and not more.
constexpr Duration think_time = milliseconds(8);

class Service {
 public:
  Service(const ServiceTest& test, std::uint64_t seed)
      : test_(test), lab_(test.servers, seed, options(test)), checker_(lab_, test.clients), own_(test.clients) {
    for (std::size_t client = 0; client < test.clients; ++client) {
      clerks_.emplace_back(lab_, client);
    }
    lab_.set_unreliable(test.unreliable);
  }

  void iterate() {
    over_ = false;
    for (std::size_t client = 0; client < test_.clients; ++client) {
      lab_.spawn(load(client));
    }
    if (test_.partitions) {
      lab_.sleep(seconds(1));
      lab_.spawn(partition_again_and_again());
    }
    lab_.sleep(seconds(5));
    over_ = true;
    heal();
    if (test_.crash) {
      crash_all();
    }
    lab_.join();
    if (!test_.random_keys) {
      check_writes();
    }
    write_once_more();
    lab_.check_states();
    check_sizes();
  }

 private:
  static LabOptions options(const ServiceTest& test) {
    LabOptions options = options_for(test.max_raft_state);
    options.clerks = test.clients + 1;  // one checks
    return options;
  }

  static Bytes key_of(std::size_t number) { return "key-" + std::to_string(number); }

  Script<> load(std::size_t client) {
    while (!over_) {
      const std::size_t chosen = test_.random_keys ? lab_.random().below(test_.clients) : client;
      const bool write = lab_.random().chance(500) || (test_.random_keys && lab_.random().chance(100));
      if (write) {
        const Command written = co_await clerks_[client].put(key_of(chosen));
        own_[client].push_back(written);
      } else {
        const Command read = co_await clerks_[client].get(key_of(chosen));
        check_read(client, read);
      }
      co_await lab_.pause(think_time);
    }
  }

  void check_read(std::size_t client, Command read) {
    if (!test_.random_keys) {
      CHECK((read == (own_[client].empty() ? Command() : own_[client].back())));
    }
  }

  Script<> partition_again_and_again() {
    while (!over_) {
      std::vector<bool> sides;
      for (Server server = 0; server < test_.servers; ++server) {
        const bool side = lab_.random().chance(500);
        sides.push_back(side);
      }
      lab_.partition(sides);
      const Duration lasts = lab_.random().between(seconds(1), milliseconds(1200));
      co_await lab_.pause(lasts);
    }
  }

  // Requests that are under way may go on to be answered meanwhile.
  void heal() {
    if (test_.partitions) {
      lab_.sleep(milliseconds(1200));  // until nobody splits them any more
      lab_.connect_all();
      lab_.sleep(seconds(1));
    }
  }

  void crash_all() {
    for (Server server = 0; server < test_.servers; ++server) {
      lab_.crash(server);
    }
    lab_.sleep(seconds(1));
    for (Server server = 0; server < test_.servers; ++server) {
      lab_.restart(server);
    }
    lab_.connect_all();
  }

  // Each key has each write of its client once, in order, and the last of them is what is read.
  void check_writes() {
    for (std::size_t client = 0; client < test_.clients; ++client) {
      CHECK(own_[client] == lab_.committed_at(key_of(client)));
      const Command last = checker_.get_now(key_of(client));
      CHECK((last == (own_[client].empty() ? Command() : own_[client].back())));
    }
  }

  // A read is an entry of the log in the labs, not here. What a large batch has left in the log goes with the next
  // entry, and so there is one.
  void write_once_more() {
    if (test_.max_raft_state > 0) {
      checker_.put_now("one more");
      lab_.sleep(seconds(1));
    }
  }

  void check_sizes() {
    for (Server server = 0; server < test_.servers; ++server) {
      const Persisted found = lab_.persisted(server);
      if (test_.max_raft_state > 0) {
        CHECK(found.raft_bytes <= 8 * test_.max_raft_state);
        CHECK(found.snapshot > LogIndex());
      } else {
        CHECK(found.snapshot == LogIndex());
      }
    }
  }

  ServiceTest test_;
  Lab lab_;
  Clerk checker_;
  std::deque<Clerk> clerks_;
  std::vector<std::vector<Command>> own_;  // what each client wrote
  bool over_ = false;
};

}  // namespace

LabOptions options_for(std::size_t max_raft_state) {
  LabOptions options;
  options.snapshot_log_size = max_raft_state;
  if (max_raft_state > 0) {
    options.segment_size = 8192;
  }
  return options;
}

void run_service(const ServiceTest& test, std::uint64_t seed) {
  Service service(test, seed);
  for (int iteration = 0; iteration < 3; ++iteration) {
    service.iterate();
  }
}

void check_speed(const LabOptions& options, std::uint64_t seed) {
  Lab lab(3, seed, options);
  Clerk clerk(lab, 0);
  clerk.get_now("x");  // there is a leader
  const TimePoint begin = lab.now();
  constexpr int operations = 1000;
  for (int i = 0; i < operations; ++i) {
    clerk.put_now("x");
  }
  CHECK(((lab.now() - begin) / operations <= milliseconds(100) / 3));
  CHECK(lab.committed_at("x").size() == operations);
  for (Server server = 0; server < lab.servers(); ++server) {
    CHECK((lab.persisted(server).snapshot > LogIndex()) == (options.snapshot_log_size > 0));
  }
}

}  // namespace strata::mit
