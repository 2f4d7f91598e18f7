// Lab 3A: the service.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "mit/clerk.hpp"
#include "mit/harness.hpp"
#include "mit/service.hpp"

namespace strata::mit {
namespace {

LabOptions with_clerks(std::size_t clerks) {
  LabOptions options;
  options.clerks = clerks;
  return options;
}

void run_all(const ServiceTest& test) {
  for_seeds([&](std::uint64_t seed) { run_service(test, seed); }, 2);
}

TEST_CASE("TestBasic3A") {
  run_all({.clients = 1});
}

TEST_CASE("TestSpeed3A") {
  for_seeds([](std::uint64_t seed) { check_speed(with_clerks(1), seed); });
}

TEST_CASE("TestConcurrent3A") {
  run_all({.clients = 5});
}

TEST_CASE("TestUnreliable3A") {
  run_all({.clients = 5, .unreliable = true});
}

Script<> put_many(Clerk* clerk, int count, std::vector<Command>* written) {
  for (int i = 0; i < count; ++i) {
    const Command command = co_await clerk->put("k");
    written->push_back(command);
  }
}

TEST_CASE("TestUnreliableOneKey3A") {
  for_seeds([](std::uint64_t seed) {
    constexpr std::size_t clients = 5;
    constexpr std::size_t writes = 10;
    Lab lab(3, seed, with_clerks(clients));
    lab.set_unreliable(true);
    std::deque<Clerk> clerks;
    std::vector<std::vector<Command>> written(clients);
    for (std::size_t client = 0; client < clients; ++client) {
      clerks.emplace_back(lab, client);
      lab.spawn(put_many(&clerks[client], writes, &written[client]));
    }
    lab.join();
    const std::vector<Command> all = lab.committed_at("k");
    CHECK(all.size() == clients * writes);
    for (const std::vector<Command>& own : written) {
      // Present, each once, in the client's order.
      auto place = all.begin();
      for (const Command command : own) {
        place = std::find(place, all.end(), command);
        REQUIRE((place != all.end()));
      }
    }
    CHECK((clerks[0].get_now("k") == all.back()));
    lab.check_states();
  });
}

struct Pending {
  bool put_done = false;
  bool get_done = false;
  Command written;
};

Script<> put_in_minority(Clerk* clerk, Pending* pending) {
  pending->written = co_await clerk->put("1");
  pending->put_done = true;
}

Script<> get_in_minority(Clerk* clerk, Pending* pending) {
  co_await clerk->get("1");
  pending->get_done = true;
}

TEST_CASE("TestOnePartition3A") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(5, seed, with_clerks(4));
    Clerk any(lab, 0);
    any.put_now("1");

    // The leader is in the minority.
    const Server leader = lab.check_one_leader();
    const std::vector<Server> minority{leader, lab.after(leader, 1)};
    const std::vector<Server> majority{lab.after(leader, 2), lab.after(leader, 3), lab.after(leader, 4)};
    std::vector<bool> sides(lab.servers(), false);
    sides[minority[0]] = sides[minority[1]] = true;
    lab.partition(sides);
    Clerk in_majority(lab, 1);
    in_majority.ask(majority);
    const Command fourteen = in_majority.put_now("1");
    CHECK((in_majority.get_now("1") == fourteen));

    Clerk putting(lab, 2);
    Clerk getting(lab, 3);
    putting.ask(minority);
    getting.ask(minority);
    Pending pending;
    lab.spawn(put_in_minority(&putting, &pending));
    lab.spawn(get_in_minority(&getting, &pending));
    lab.sleep(seconds(1));
    CHECK_FALSE(pending.put_done);
    CHECK_FALSE(pending.get_done);

    CHECK((in_majority.get_now("1") == fourteen));
    const Command sixteen = in_majority.put_now("1");
    CHECK((in_majority.get_now("1") == sixteen));
    lab.sleep(seconds(3));
    CHECK_FALSE(pending.put_done);
    CHECK_FALSE(pending.get_done);

    lab.connect_all();
    lab.sleep(seconds(1));
    lab.sleep(seconds(3));
    CHECK(pending.put_done);
    CHECK(pending.get_done);
    CHECK((any.get_now("1") == pending.written));
    lab.check_states();
  });
}

TEST_CASE("TestManyPartitionsOneClient3A") {
  run_all({.clients = 1, .partitions = true});
}

TEST_CASE("TestManyPartitionsManyClients3A") {
  run_all({.clients = 5, .partitions = true});
}

TEST_CASE("TestPersistOneClient3A") {
  run_all({.clients = 1, .crash = true});
}

TEST_CASE("TestPersistConcurrent3A") {
  run_all({.clients = 5, .crash = true});
}

TEST_CASE("TestPersistConcurrentUnreliable3A") {
  run_all({.clients = 5, .unreliable = true, .crash = true});
}

TEST_CASE("TestPersistPartition3A") {
  run_all({.clients = 5, .crash = true, .partitions = true});
}

TEST_CASE("TestPersistPartitionUnreliable3A") {
  run_all({.clients = 5, .unreliable = true, .crash = true, .partitions = true});
}

TEST_CASE("TestPersistPartitionUnreliableLinearizable3A") {
  run_all({.clients = 15, .servers = 7, .unreliable = true, .crash = true, .partitions = true, .random_keys = true});
}

}  // namespace
}  // namespace strata::mit
