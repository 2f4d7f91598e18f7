#include "actors/at_risk.hpp"

#include <doctest/doctest.h>

namespace strata::actors {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{100s};

TEST_CASE("what is at risk is what was applied and is not durable, with the age of the oldest") {
  AtRisk at_risk;
  CHECK(at_risk.amount(start).entries == 0);
  CHECK((at_risk.amount(start).age == Duration::zero()));
  at_risk.applied(LogIndex(5), 100, start);
  at_risk.applied(LogIndex(6), 10, start + 1s);
  at_risk.applied(LogIndex(7), 1, start + 1s);
  CHECK(at_risk.amount(start + 3s).entries == 3);
  CHECK(at_risk.amount(start + 3s).bytes == 111);
  CHECK((at_risk.amount(start + 3s).age == 3s));
  at_risk.durable(LogIndex(6));
  CHECK(at_risk.amount(start + 3s).entries == 1);
  CHECK(at_risk.amount(start + 3s).bytes == 1);
  CHECK((at_risk.amount(start + 3s).age == 2s));
  at_risk.durable(LogIndex(3));  // said before
  CHECK(at_risk.amount(start + 3s).entries == 1);
  at_risk.durable(LogIndex(7));
  CHECK(at_risk.amount(start + 3s).entries == 0);
  CHECK((at_risk.amount(start + 3s).age == Duration::zero()));
}

TEST_CASE("of very many entries the number stays exact, and bytes and age are never told too low nor much too high") {
  constexpr std::uint64_t entries = 10 * AtRisk::max_runs + 7;
  AtRisk at_risk;
  for (std::uint64_t i = 0; i < entries; ++i) {
    at_risk.applied(LogIndex(1 + i), 10, start + i * 1us);
  }
  const TimePoint now = start + entries * 1us;
  CHECK(at_risk.amount(now).entries == entries);
  CHECK(at_risk.amount(now).bytes == 10 * entries);
  CHECK((at_risk.amount(now).age == entries * 1us));
  for (const std::uint64_t durable : {std::uint64_t{1}, std::uint64_t{1000}, entries / 2, entries - 1}) {
    at_risk.durable(LogIndex(durable));
    const AtRisk::Amount left = at_risk.amount(now);
    CHECK(left.entries == entries - durable);
    CHECK(left.bytes >= 10 * left.entries);
    CHECK(left.bytes <= 10 * (left.entries + 32));
    CHECK((left.age >= left.entries * 1us));
    CHECK((left.age <= (left.entries + 32) * 1us));
  }
}

TEST_CASE("after a long stall the figures come down again, though something is at risk at any time") {
  constexpr std::uint64_t stalled = 20 * AtRisk::max_runs;
  AtRisk at_risk;
  for (std::uint64_t i = 1; i <= stalled; ++i) {
    at_risk.applied(LogIndex(i), 10, start + i * 1us);
  }
  constexpr std::uint64_t behind = 5;
  constexpr std::uint64_t later = 2 * stalled;
  for (std::uint64_t i = stalled + 1; i <= later; ++i) {
    at_risk.applied(LogIndex(i), 10, start + i * 1us);
    at_risk.durable(LogIndex(i - behind));
  }
  const AtRisk::Amount left = at_risk.amount(start + later * 1us);
  CHECK(left.entries == behind);
  CHECK(left.bytes >= 10 * behind);
  CHECK(left.bytes <= 10 * (behind + 32));
  CHECK((left.age <= (behind + 32) * 1us));
}

}  // namespace
}  // namespace strata::actors
