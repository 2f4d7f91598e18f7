// Commands for messages and the ways they take.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "scenario/describe.hpp"
#include "scenario/interpreter.hpp"

namespace strata::scenario {

using namespace raft;

// [A -> B] [kind] [first | last], A and B a node or *.
Interpreter::Selection Interpreter::selection(Words& words) {
  Selection chosen;
  const bool from_any = words.accept("*");
  if (from_any || words.next_is_number()) {
    chosen.from = from_any ? NodeId(0) : words.next_node();
    words.expect("->");
    chosen.to = words.accept("*") ? NodeId(0) : node(words).id();
  }
  chosen.kind = words.accept_one_of(kinds_of_messages());
  if (words.accept("first")) {
    chosen.which = Selection::Which::first;
  } else if (words.accept("last")) {
    chosen.which = Selection::Which::last;
  }
  return chosen;
}

// Takes them out of flight; there is at least one.
std::vector<Packet> Interpreter::take(const Selection& chosen, Words& words) {
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < world_.in_flight.size(); ++place) {
    const Packet& packet = world_.in_flight[place];
    if ((chosen.from == NodeId(0) || chosen.from == packet.from) &&
        (chosen.to == NodeId(0) || chosen.to == packet.to) &&
        (chosen.kind.empty() || chosen.kind == kind_of(packet.message))) {
      places.push_back(place);
    }
  }
  if (places.empty()) {
    words.fail("no such message is in flight");
  }
  if (chosen.which != Selection::Which::all) {
    places = {chosen.which == Selection::Which::first ? places.front() : places.back()};
  }
  std::vector<Packet> taken;
  std::deque<Packet> left;
  for (std::size_t place = 0; place < world_.in_flight.size(); ++place) {
    Packet& packet = world_.in_flight[place];
    if (std::ranges::binary_search(places, place)) {
      taken.push_back(std::move(packet));
    } else {
      left.push_back(std::move(packet));
    }
  }
  world_.in_flight = std::move(left);
  return taken;
}

void Interpreter::deliver(Words& words) {
  for (Packet& packet : take(selection(words), words)) {
    nodes_.at(packet.to).receive(std::move(packet));
  }
}

static std::string in_full(const Packet& packet) {
  return fmt::format("{} -> {}: {}", packet.from, packet.to, describe(packet.from, packet.to, packet.message));
}

void Interpreter::drop(Words& words) {
  for (const Packet& packet : take(selection(words), words)) {
    world_.trace.detail(fmt::format("{} -x {}: {}", packet.from, packet.to, summary(packet.message)));
  }
}

// Each is in flight twice then, the second at the end.
void Interpreter::duplicate(Words& words) {
  const std::deque<Packet> before = world_.in_flight;
  const std::vector<Packet> copies = take(selection(words), words);
  world_.in_flight = before;
  world_.in_flight.insert(world_.in_flight.end(), copies.begin(), copies.end());
}

// hold <messages> as <name>: they are on their way until the script says that they come.
void Interpreter::hold(Words& words) {
  const Selection chosen = selection(words);
  words.expect("as");
  auto& held = world_.held[words.next("a name")];
  for (Packet& packet : take(chosen, words)) {
    held.push_back(std::move(packet));
  }
}

void Interpreter::release(Words& words) {
  const auto held = world_.held.find(words.next("a name"));
  if (held == world_.held.end()) {
    words.fail("nothing is held under this name");
  }
  std::ranges::move(held->second, std::back_inserter(world_.in_flight));
  world_.held.erase(held);
}

// forge 9 -> 1 <message>: as if it had been sent by a node that need not exist.
void Interpreter::forge(Words& words) {
  Packet packet;
  packet.from = words.next_node();
  words.expect("->");
  packet.to = node(words).id();
  packet.message = forged(words);
  packet.from_life = Incarnation(1);
  world_.send(std::move(packet));
}

// request_vote term T log I of T2, append_entries term T after I of T2 commit C [entries T…]
Message Interpreter::forged(Words& words) {
  const std::string kind = words.accept_one_of({"request_vote", "append_entries"});
  if (kind.empty()) {
    words.fail("only request_vote and append_entries can be forged");
  }
  words.expect("term");
  const Term term(words.next_number("a term"));
  words.expect(kind == "request_vote" ? "log" : "after");
  const LogIndex index(words.next_number("an index"));
  words.expect("of");
  const Term of_term(words.next_number("a term"));
  if (kind == "request_vote") {
    return RequestVote{term, index, of_term};
  }
  words.expect("commit");
  const LogIndex commit(words.next_number("an index"));
  AppendEntries request{term, index, of_term, commit, LogIndex(), first_round_of_next_beat(Round(0)), {}, {}, {}};
  LogIndex next = index;
  while (words.accept("entry")) {
    next = next.next();
    request.entries.push_back(make_entry(EntryType::command, Term(words.next_number("a term")), next, {}));
  }
  return request;
}

// ---- Ways ----

void Interpreter::cut_link(NodeId from, NodeId to) {
  world_.cut.insert({from, to});
  std::erase_if(world_.in_flight, [&](const Packet& packet) { return packet.from == from && packet.to == to; });
}

// cut 1 -> 2, cut 1 - 2: what is under way on it is lost, too.
void Interpreter::cut(Words& words) {
  const NodeId one = node(words).id();
  const bool one_way = words.accept("->");
  if (!one_way) {
    words.expect("-");
  }
  const NodeId other = node(words).id();
  cut_link(one, other);
  if (!one_way) {
    cut_link(other, one);
  }
}

// heal, heal 1 - 2
void Interpreter::heal(Words& words) {
  if (words.empty()) {
    world_.cut.clear();
    return;
  }
  const NodeId one = node(words).id();
  words.expect("-");
  const NodeId other = node(words).id();
  world_.cut.erase({one, other});
  world_.cut.erase({other, one});
}

// partition 1 | 2 3: all ways between the groups are cut, all ways within one are whole.
void Interpreter::partition(Words& words) {
  std::map<NodeId, int> group_of;
  int group = 0;
  do {
    while (words.next_is_number()) {
      group_of[node(words).id()] = group;
    }
    ++group;
  } while (words.accept("|"));
  if (group_of.size() != nodes_.size()) {
    words.fail("a partition names every node");
  }
  world_.cut.clear();
  for (const auto& [from, its_group] : group_of) {
    for (const auto& [to, other_group] : group_of) {
      if (its_group != other_group) {
        cut_link(from, to);
      }
    }
  }
}

void Interpreter::settle(Words&) {
  deliver_until_quiet();
}

void Interpreter::deliver_until_quiet() {
  constexpr int patience = 10000;
  for (int delivered = 0; !world_.in_flight.empty(); ++delivered) {
    if (delivered == patience) {
      throw std::logic_error("it does not become quiet");
    }
    Packet packet = std::move(world_.in_flight.front());
    world_.in_flight.pop_front();
    nodes_.at(packet.to).receive(std::move(packet));
  }
}

void Interpreter::flight(Words&) {
  for (const Packet& packet : world_.in_flight) {
    world_.trace.line(in_full(packet));
  }
}

}  // namespace strata::scenario
