#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "exhaustive/machine.hpp"
#include "exhaustive/scopes.hpp"
#include "exhaustive/search.hpp"

namespace strata::exhaustive {
namespace {

constexpr std::size_t plenty = 1'000'000;

Scope small(std::size_t nodes, std::uint64_t terms) {
  Scope scope = bare(terms, 2);
  scope.nodes = nodes;
  return scope;
}

// Searches to the end, with and without names.
void compare(const Scope& scope) {
  Search without(scope, true);
  CHECK_FALSE(without.run(plenty).has_value());
  REQUIRE(without.complete());
  Search with(scope, false);
  CHECK_FALSE(with.run(plenty).has_value());
  REQUIRE(with.complete());
  CHECK(without.states() < with.states());
  CHECK(without.states_with_names() == with.states());
  CHECK(without.depth() == with.depth());
}

TEST_CASE("a node alone is searched to the end") {
  Scope scope = small(1, 3);
  scope.commands = 2;
  scope.crashes = 1;
  scope.power_losses = 1;
  scope.stalls = 1;
  Search search(scope, true);
  CHECK_FALSE(search.run(plenty).has_value());
  CHECK(search.complete());
  CHECK(search.states() > 100);
}

TEST_CASE("states that count once because they differ in names alone are as many as those that names tell apart") {
  compare(small(3, 1));
  Scope with_losses = small(2, 1);
  with_losses.commands = 1;
  with_losses.power_losses = 1;
  compare(with_losses);
  Scope with_crashes = small(2, 2);
  with_crashes.crashes = 1;
  compare(with_crashes);
}

TEST_CASE("a node that lost its disk rejoins, whichever it is") {
  Scope scope = bare(1, 0);
  scope.nodes = 2;
  scope.disk_losses = 1;
  compare(scope);
}

TEST_CASE("reads are served at all sizes of a cluster") {
  for (std::size_t nodes = 1; nodes <= 4; ++nodes) {
    Scope scope = small(nodes, 2);
    scope.reads = 1;
    scope.commands = 1;
    Search search(scope, true);
    CHECK_FALSE(search.run(20'000).has_value());
  }
}

TEST_CASE("what a majority has written survives the loss of power of one") {
  Scope scope = small(3, 1);
  scope.ack = Durability::written;
  scope.power_losses = 1;
  scope.stalls = 1;
  Search search(scope, true);
  CHECK_FALSE(search.run(100'000).has_value());
}

TEST_CASE("no rule is broken near the beginning of any scope that has a name") {
  for (const NamedScope& named : named_scopes()) {
    CAPTURE(named.name);
    CHECK(find_scope(named.name) == &named.scope);
    Search search(named.scope, true);
    CHECK_FALSE(search.run(5'000).has_value());
    CHECK(search.states() == 5'000);
  }
  CHECK(find_scope("no such scope") == nullptr);
}

TEST_CASE("a search may start in Figure 8") {
  CHECK(Search(Scope(), true).first_state().empty());
  Scope scope = small(3, 4);
  scope.start = Start::figure_8;
  scope.elections = 4;
  const std::vector<std::string> nodes = Search(scope, false).first_state();
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].find("leads in term 3, vote 1, terms of the log [1 3]") != std::string::npos);
  CHECK(nodes[1].find("in term 3, vote 0, terms of the log [2]") != std::string::npos);
  CHECK(nodes[2].find("in term 3, vote 1, terms of the log []") != std::string::npos);
}

TEST_CASE("a search may start with an acknowledged entry that nobody has synced") {
  const std::vector<std::string> nodes = Search(*find_scope("unsynced"), false).first_state();
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].find("leads in term 1, vote 1, terms of the log [1], written 0, synced 0, commit 0") !=
        std::string::npos);
  CHECK(nodes[1].find("in term 1, vote 1, terms of the log []") != std::string::npos);
  CHECK(nodes[2].find("follows 1 in term 1, vote 1, terms of the log [1], written 1, synced 0") != std::string::npos);
}

TEST_CASE("a search may start with a candidate that is recovering, and has not synced its log") {
  const Scope& scope = *find_scope("level_raised");
  const std::vector<std::string> nodes = Search(scope, false).first_state();
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].find("leads in term 1, vote 1, terms of the log [1], written 1, synced 1, commit 1") !=
        std::string::npos);
  CHECK(nodes[1].find("in term 1, vote 1, terms of the log []") != std::string::npos);
  CHECK(nodes[2].find("candidate in term 2, vote 3, terms of the log [1], written 1, synced 0, commit 0, recovering") !=
        std::string::npos);
}

TEST_CASE("what a loss of power takes at written makes a node recovering, also when the next life is at synced") {
  Scope scope = small(1, 1);
  scope.power_losses = 1;
  for (const bool at_written : {false, true}) {
    scope.began_at_written = at_written;
    Packets packets(1);
    Machine machine(scope, NodeId(1));
    CHECK(machine.core().config().ack == (at_written ? Durability::written : Durability::synced));
    machine.apply(Event(Happening::power_lost, 0), packets);
    CHECK(machine.core().config().ack == Durability::synced);
    CHECK(machine.core().standing() == (at_written ? Standing::recovering : Standing::sound));
  }
}

TEST_CASE("a search ends at its limit") {
  Search search(small(3, 3), true);
  CHECK_FALSE(search.run(1000).has_value());
  CHECK(search.states() == 1000);
  CHECK_FALSE(search.complete());
}

}  // namespace
}  // namespace strata::exhaustive
