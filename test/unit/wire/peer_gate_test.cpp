#include "wire/peer_gate.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace strata::wire {
namespace {

constexpr ClusterId cluster(0xc1);

PeerEnvelope envelope(NodeId from, NodeId to, Incarnation from_incarnation, Incarnation to_incarnation) {
  return {cluster, from, to, from_incarnation, to_incarnation};
}

PeerGate gate_of_node_1() {
  return {cluster, NodeId(1), Start{0, Incarnation(5)}, {NodeId(2), NodeId(3)}};
}

TEST_CASE("a message of a member to this incarnation is taken, and tells the sender's") {
  PeerGate gate = gate_of_node_1();
  CHECK(gate.newest(NodeId(2)) == Incarnation(0));
  CHECK(!gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(7), Incarnation(5))));
  CHECK(gate.newest(NodeId(2)) == Incarnation(7));
  CHECK(gate.newest(NodeId(3)) == Incarnation(0));
  const PeerEnvelope answer = gate.envelope_to(NodeId(2));
  CHECK(answer.cluster == cluster);
  CHECK(answer.from == NodeId(1));
  CHECK(answer.to == NodeId(2));
  CHECK(answer.from_incarnation == Incarnation(5));
  CHECK(answer.to_incarnation == Incarnation(7));
}

TEST_CASE("a message of a member that has not heard of this node is taken") {
  PeerGate gate = gate_of_node_1();
  CHECK(!gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(1), Incarnation(0))));
}

TEST_CASE("a message of an earlier incarnation of its sender is refused") {
  PeerGate gate = gate_of_node_1();
  CHECK(!gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(7), Incarnation(0))));
  CHECK(gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(6), Incarnation(0))));
  CHECK(gate.newest(NodeId(2)) == Incarnation(7));
  CHECK(!gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(7), Incarnation(0))));
  CHECK(!gate.refuse(envelope(NodeId(3), NodeId(1), Incarnation(1), Incarnation(0))));
}

TEST_CASE("a message to another incarnation of this node is refused, and tells the sender's") {
  PeerGate gate = gate_of_node_1();
  CHECK(gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(7), Incarnation(4))));
  CHECK(gate.newest(NodeId(2)) == Incarnation(7));
  CHECK(gate.refuse(envelope(NodeId(2), NodeId(1), Incarnation(6), Incarnation(6))));
  CHECK(gate.newest(NodeId(2)) == Incarnation(7));
}

// Each was told by a late message of the other's life before the one that lives now.
TEST_CASE("two that know an earlier life of each other find out") {
  PeerGate one = gate_of_node_1();
  PeerGate two{cluster, NodeId(2), Start{0, Incarnation(9)}, {NodeId(1), NodeId(3)}};
  CHECK(!one.refuse(envelope(NodeId(2), NodeId(1), Incarnation(8), Incarnation(0))));
  CHECK(!two.refuse(envelope(NodeId(1), NodeId(2), Incarnation(4), Incarnation(0))));
  CHECK(two.refuse(one.envelope_to(NodeId(2))));
  CHECK(!one.refuse(two.envelope_to(NodeId(1))));
  CHECK(!two.refuse(one.envelope_to(NodeId(2))));
}

TEST_CASE("a message of another cluster, of a stranger, of oneself or for another node is refused") {
  PeerGate gate = gate_of_node_1();
  PeerEnvelope other = envelope(NodeId(2), NodeId(1), Incarnation(7), Incarnation(0));
  other.cluster = ClusterId(0xc2);
  CHECK(gate.refuse(other)->find("--cluster-name") != std::string::npos);
  CHECK(gate.refuse(envelope(NodeId(4), NodeId(1), Incarnation(7), Incarnation(0))));
  CHECK(gate.refuse(envelope(NodeId(1), NodeId(1), Incarnation(7), Incarnation(0))));
  CHECK(gate.refuse(envelope(NodeId(2), NodeId(3), Incarnation(7), Incarnation(0))));
}

ForwardSets forwarded(std::uint64_t first_id) {
  ForwardSets sets;
  sets.sets.resize(2);
  sets.sets[0].id = first_id;
  sets.sets[1].id = first_id + 1;
  return sets;
}

TEST_CASE("forwarded SETs that come a second time are not taken, in whatever order they come") {
  PeerGate gate = gate_of_node_1();
  CHECK(gate.is_first(NodeId(2), forwarded(10)));
  CHECK(gate.is_first(NodeId(2), forwarded(20)));
  CHECK(gate.is_first(NodeId(2), forwarded(12)));
  CHECK_FALSE(gate.is_first(NodeId(2), forwarded(10)));
  CHECK_FALSE(gate.is_first(NodeId(2), forwarded(12)));
  CHECK_FALSE(gate.is_first(NodeId(2), forwarded(20)));
}

TEST_CASE("each member numbers its SETs for itself") {
  PeerGate gate = gate_of_node_1();
  CHECK(gate.is_first(NodeId(2), forwarded(10)));
  CHECK(gate.is_first(NodeId(3), forwarded(10)));
}

TEST_CASE("what is too old to be remembered is not taken") {
  PeerGate gate = gate_of_node_1();
  for (std::uint64_t id = 10; id < 20'000; id += 2) {
    REQUIRE(gate.is_first(NodeId(2), forwarded(id)));
  }
  CHECK_FALSE(gate.is_first(NodeId(2), forwarded(10)));
  CHECK_FALSE(gate.is_first(NodeId(2), forwarded(19'998)));
  CHECK(gate.is_first(NodeId(2), forwarded(20'000)));
}

// ---- Starts that are recorded ----

constexpr Start own{0xa, Incarnation(5), 50};

PeerEnvelope from_2(std::uint64_t from_nonce, std::uint64_t to_nonce, Incarnation incarnation = Incarnation(1)) {
  PeerEnvelope of = envelope(NodeId(2), NodeId(1), incarnation, Incarnation(0));
  of.from_nonce = from_nonce;
  of.to_nonce = to_nonce;
  return of;
}

PeerMessage answer(std::uint64_t nonce, raft::Verdict verdict) {
  return raft::Message(raft::Introduced{Term(1), nonce, verdict, 0xb, false});
}

TEST_CASE("a message of a start that is not recorded is refused; an introduction is taken from any") {
  PeerGate gate{cluster, NodeId(1), own, {NodeId(2), NodeId(3)}};
  CHECK(gate.refuse(from_2(20, 0)));
  CHECK(!gate.refuse(from_2(20, 49), true));
  CHECK(gate.envelope_to(NodeId(2)).to_nonce == 0);
  gate.sends(NodeId(2), answer(20, raft::Verdict::outdated));
  CHECK(gate.refuse(from_2(20, 0)));
  gate.sends(NodeId(2), answer(20, raft::Verdict::recorded));
  CHECK(!gate.refuse(from_2(20, 0)));
  CHECK(gate.envelope_to(NodeId(2)).to_nonce == 20);
  CHECK(gate.envelope_to(NodeId(2)).from_nonce == 50);
}

TEST_CASE("what a start that was replaced has sent is refused, though its incarnation is higher") {
  PeerGate gate{cluster, NodeId(1), own, {NodeId(2), NodeId(3)}, {{NodeId(2), {0xb, Incarnation(9), 90}, Term(1)}}};
  CHECK(!gate.refuse(from_2(90, 50, Incarnation(9))));
  CHECK(gate.newest(NodeId(2)) == Incarnation(9));
  gate.sends(NodeId(2), answer(20, raft::Verdict::recorded));
  CHECK(gate.refuse(from_2(90, 50, Incarnation(9))));
  CHECK(!gate.refuse(from_2(20, 50, Incarnation(1))));
}

TEST_CASE("a message that is meant for another start of this node is refused") {
  PeerGate gate{cluster, NodeId(1), own, {NodeId(2)}, {{NodeId(2), {0xb, Incarnation(9), 90}, Term(1)}}};
  CHECK(gate.refuse(from_2(90, 49, Incarnation(9))));
  CHECK(!gate.refuse(from_2(90, 0, Incarnation(9))));
}

}  // namespace
}  // namespace strata::wire
