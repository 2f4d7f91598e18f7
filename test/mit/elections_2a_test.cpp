// Lab 2A: elections.
#include <doctest/doctest.h>

#include "mit/harness.hpp"

namespace strata::mit {
namespace {

TEST_CASE("TestInitialElection2A") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    lab.check_one_leader();
    lab.sleep(milliseconds(50));
    const Term first = lab.check_terms();
    CHECK(first >= Term(1));
    lab.sleep(2 * election_timeout);
    WARN(lab.check_terms() == first);
    lab.check_one_leader();
  });
}

TEST_CASE("TestReElection2A") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(3, seed);
    const Server first = lab.check_one_leader();
    lab.disconnect(first);
    lab.check_one_leader();
    lab.connect(first);
    const Server second = lab.check_one_leader();

    const Server other = lab.after(second, 1);
    lab.disconnect(second);
    lab.disconnect(other);
    lab.sleep(2 * election_timeout);
    lab.check_no_leader();

    lab.connect(other);
    lab.check_one_leader();
    lab.connect(second);
    lab.check_one_leader();
  });
}

TEST_CASE("TestManyElections2A") {
  for_seeds([](std::uint64_t seed) {
    Lab lab(7, seed);
    lab.check_one_leader();
    for (int round = 1; round < 10; ++round) {
      const Server one = lab.any_server();
      const Server two = lab.any_server();
      const Server three = lab.any_server();
      for (const Server server : {one, two, three}) {
        lab.disconnect(server);
      }
      lab.check_one_leader();
      for (const Server server : {one, two, three}) {
        lab.connect(server);
      }
    }
    lab.check_one_leader();
  });
}

}  // namespace
}  // namespace strata::mit
