#include "scenario/world.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "scenario/describe.hpp"

namespace strata::scenario {

void Trace::line(std::string text) {
  if (volume_ != Volume::silent) {
    lines_.push_back(std::move(text));
  }
}

void Trace::detail(std::string text) {
  if (volume_ == Volume::full) {
    lines_.push_back(std::move(text));
  }
}

std::optional<std::string> Oracle::leads(NodeId node, Term term) {
  const auto [place, fresh] = leaders_.emplace(term, node);
  if (fresh || place->second == node) {
    return std::nullopt;
  }
  return fmt::format("Election Safety is broken: {} and {} both lead in term {}", place->second, node, term);
}

std::optional<std::string> Oracle::commits(NodeId node, const Entry& entry) {
  const auto [place, fresh] = committed_.emplace(entry.index, entry);
  if (fresh || place->second.body.view() == entry.body.view()) {
    return std::nullopt;
  }
  return fmt::format("State Machine Safety is broken: {} commits {}, and {} was committed there", node, describe(entry),
                     describe(place->second));
}

std::optional<std::string> Oracle::installs(NodeId node, LogIndex up_to, const Bytes& content) const {
  Bytes committed;
  for (const auto& [index, entry] : committed_) {
    if (index <= up_to) {
      committed.append(entry.payload());
    }
  }
  if (content == committed) {
    return std::nullopt;
  }
  return fmt::format("State Machine Safety is broken: {} installs \"{}\", and \"{}\" was committed up to {}", node,
                     content, committed, up_to);
}

std::optional<std::string> Oracle::saves(NodeId node, const raft::HardState& state) {
  raft::HardState& before = newest_[node];
  const bool back = state.term < before.term;
  const bool twice = state.term == before.term && before.vote != NodeId(0) && state.vote != before.vote;
  if (back || twice) {
    return fmt::format("{} breaks a promise: it had saved {}, and saves {}", node, describe(before), describe(state));
  }
  before = state;
  return std::nullopt;
}

void World::require(const std::optional<std::string>& wrong) {
  if (wrong) {
    throw std::logic_error(*wrong);
  }
}

void World::send(Packet packet) {
  const bool lost = cut.contains({packet.from, packet.to});
  trace.detail(fmt::format("{} {} {}: {}", packet.from, lost ? "-x" : "->", packet.to,
                           describe(packet.from, packet.to, packet.message)));
  if (!lost) {
    in_flight.push_back(std::move(packet));
  }
}

}  // namespace strata::scenario
