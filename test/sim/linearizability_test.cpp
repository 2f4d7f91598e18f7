// The check of histories, against histories that are known, against a search through every order, and against histories
// of registers that do wrong on purpose.
#include "sim/linearizability.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/random.hpp"

namespace strata::sim {
namespace {

TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

RegisterOperation write(std::uint64_t value, int invoked, int completed) {
  return {true, value, at(Duration(invoked)), completed < 0 ? TimePoint::max() : at(Duration(completed))};
}
RegisterOperation read(std::uint64_t value, int invoked, int completed) {
  return {false, value, at(Duration(invoked)), at(Duration(completed))};
}

TEST_CASE("histories that are known to be linearizable or not are told apart") {
  CHECK(is_linearizable({}));
  CHECK(is_linearizable({read(0, 1, 2), write(1, 1, 5), read(1, 3, 4)}));
  CHECK_FALSE(is_linearizable({write(1, 1, 2), read(0, 3, 4)}));                                 // stale
  CHECK_FALSE(is_linearizable({write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)}));                 // older than known
  CHECK_FALSE(is_linearizable({write(1, 1, 2), write(2, 3, 9), read(2, 4, 5), read(1, 6, 7)}));  // back again
  CHECK_FALSE(is_linearizable({read(1, 1, 2), write(1, 3, 4)}));                                 // not yet written
  CHECK_FALSE(is_linearizable({read(7, 1, 2)}));                                                 // never written
  CHECK(is_linearizable({write(1, 1, -1), read(0, 2, 3), read(1, 4, 5)}));                       // took effect late
  CHECK_FALSE(is_linearizable({write(1, 1, -1), read(1, 2, 3), read(0, 4, 5)}));                 // and was undone
}

// Tries every order.
bool some_order_explains(const std::vector<RegisterOperation>& history, std::vector<bool>& done, std::uint64_t value,
                         std::size_t left) {
  if (left == 0) {
    return true;
  }
  TimePoint first_end = TimePoint::max();
  for (std::size_t i = 0; i < history.size(); ++i) {
    first_end = done[i] ? first_end : std::min(first_end, history[i].completed);
  }
  if (first_end == TimePoint::max()) {
    return true;  // only writes of unknown fate are left
  }
  for (std::size_t i = 0; i < history.size(); ++i) {
    const bool may_be_next = !done[i] && history[i].invoked <= first_end;
    if (!may_be_next || (!history[i].write && history[i].value != value)) {
      continue;
    }
    done[i] = true;
    const bool explained = some_order_explains(history, done, history[i].write ? history[i].value : value, left - 1);
    done[i] = false;
    if (explained) {
      return true;
    }
  }
  return false;
}

using Operations = std::vector<RegisterOperation>;

bool explained(const Operations& history) {
  std::vector<bool> done(history.size());
  return some_order_explains(history, done, 0, history.size());
}

Operations draw_any(Random& random) {
  Operations history;
  const auto writes = 1 + random.below(3);
  for (std::uint64_t value = 1; value <= writes; ++value) {
    const int invoked = static_cast<int>(random.below(12));
    const bool unknown = random.chance(200);
    const int took = static_cast<int>(random.below(6));
    history.push_back(write(value, invoked, unknown ? -1 : invoked + took));
  }
  for (std::uint64_t reads = random.below(4); reads > 0; --reads) {
    const int invoked = static_cast<int>(random.below(12));
    const std::uint64_t value = random.below(writes + 1);
    const int took = static_cast<int>(random.below(6));
    history.push_back(read(value, invoked, invoked + took));
  }
  return history;
}

TEST_CASE("on 60,000 small random histories the check agrees with trying every order") {
  Random random(11);
  int good = 0;
  constexpr int rounds = 60'000;
  for (int round = 0; round < rounds; ++round) {
    const Operations history = draw_any(random);
    const bool expected = explained(history);
    REQUIRE(is_linearizable(history) == expected);
    good += expected ? 1 : 0;
  }
  CHECK(good > rounds / 20);
  CHECK(good < rounds * 19 / 20);
}

// A register that does wrong once, at its operation number `at`, where that makes a difference.
enum class Wrong { nothing, stale_read, lost_write, duplicate_apply, reordered_pair };

// The operations take effect one after the other; `spread`: how far each reaches around that moment.
Operations run_register(Random& random, Wrong wrong, std::size_t wrong_at, std::int64_t spread) {
  constexpr std::size_t operations = 8;
  constexpr int apart = 10;
  Operations history;
  std::vector<std::uint64_t> held{0};  // by the register, newest last
  std::uint64_t last_written = 0;
  for (std::size_t number = 0; number < operations; ++number) {
    const bool here = number == wrong_at;
    const int moment = static_cast<int>(number + 1) * apart;
    const int invoked = moment - static_cast<int>(random.between(0, spread));
    const int completed = moment + static_cast<int>(random.between(0, spread));
    if (random.chance(500)) {
      history.push_back(write(++last_written, invoked, completed));
      if (!here || wrong != Wrong::lost_write) {
        held.push_back(last_written);
      }
      if (here && wrong == Wrong::reordered_pair && held.size() > 2) {
        std::swap(held[held.size() - 1], held[held.size() - 2]);
      }
    } else {
      const bool stale = here && wrong == Wrong::stale_read && held.size() > 1;
      history.push_back(read(held[held.size() - (stale ? 2 : 1)], invoked, completed));
    }
    if (here && wrong == Wrong::duplicate_apply && held.size() > 2) {
      held.push_back(held[held.size() - 2]);
    }
  }
  return history;
}

TEST_CASE("a register that does right is never called wrong") {
  Random random(12);
  for (int round = 0; round < 20'000; ++round) {
    const std::int64_t spread = random.between(0, 40);
    REQUIRE(is_linearizable(run_register(random, Wrong::nothing, 0, spread)));
  }
}

TEST_CASE("a stale read, a lost write, a write applied twice and two in the wrong order are seen whenever they show") {
  Random random(13);
  for (const Wrong wrong : {Wrong::stale_read, Wrong::lost_write, Wrong::duplicate_apply, Wrong::reordered_pair}) {
    int seen = 0;
    for (int round = 0; round < 10'000; ++round) {
      const std::size_t wrong_at = random.below(8);
      const std::int64_t spread = random.between(0, 30);
      const Operations history = run_register(random, wrong, wrong_at, spread);
      const bool shows = !explained(history);
      REQUIRE(is_linearizable(history) != shows);
      seen += shows ? 1 : 0;
    }
    INFO("wrong in way ", static_cast<int>(wrong));
    CHECK(seen > 500);
  }
}

}  // namespace
}  // namespace strata::sim
