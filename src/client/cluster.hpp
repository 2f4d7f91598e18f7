// The nodes that a client knows, its connections to them, and which of them requests go to. One thread uses it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "client/leader_choice.hpp"
#include "client/link.hpp"
#include "client/node_status.hpp"
#include "client/requests.hpp"

namespace strata::client {

struct Node;

struct Connection {
  Connection(zmq::context_t& context, Node& owner);

  Link link;
  Node& node;
  bool written_to = false;  // since ZeroMQ was last asked for input
  bool has_input = false;   // as ZeroMQ then said
};

// An endpoint.
struct Node {
  std::string endpoint;
  NodeView view;
  bool invalid = false;  // no endpoint at all: never connected to
  bool refused = false;  // how its last attempt to connect ended
  std::vector<std::unique_ptr<Connection>> connections{};
  std::size_t next = 0;                           // whose turn it is
  SteadyTime connect_after{};                     // not before
  std::size_t in_flight = 0;                      // requests sent and not answered
  SteadyTime waiting_since{};                     // with some in flight: it has said nothing since
  std::optional<SteadyTime> asked{};              // STATUS, for our own use, and no answer yet
  std::vector<RequestTable::Number> questions{};  // status() calls that wait for a connection
};

class Cluster {
 public:
  // `connections`: how many are kept to the node that requests go to; one to every other.
  Cluster(const std::vector<std::string>& endpoints, unsigned connections);

  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  Node* target() const { return target_; }
  // The target is the leader, as far as known, and not a follower that passes requests on.
  bool target_leads() const { return target_ != nullptr && target_->view.id == leader_; }

  // The node of that endpoint, new when it was not known.
  Node& node_at(const std::string& endpoint);
  // Makes the connections that a node lacks.
  void connect(Node& node, SteadyTime now);
  void connect_to_all(SteadyTime now);
  // A node's answer to STATUS.
  void learn(Node& from, const NodeStatus& status, SteadyTime now);
  // To be called when a connection came up, was refused or lost, and from time to time while there is no target. True:
  // the target is another one now.
  bool choose(SteadyTime now);

  // A connection of the node that is ready, each in its turn; null: none is.
  static Connection* pick(Node& node);
  // Any node with a connection that is ready, the target first; null: none has.
  Node* any_ready() const;
  // Takes the lost connections away. True: there were some, or some were made since the last call.
  bool sweep(SteadyTime now);

  // How each member can be reached; each endpoint, while nobody has said who the members are.
  std::vector<NodeReach> reach(SteadyTime now) const;

 private:
  void learn_member(const MemberStatus& member);
  bool has_known_id(std::uint16_t id) const;
  static Reach reach_of(const Node& node, SteadyTime now);
  Reach reach_of(std::uint16_t member, SteadyTime now) const;

  zmq::context_t context_;
  unsigned connections_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::uint16_t> members_;
  std::uint16_t leader_ = 0;
  SteadyTime without_target_since_{};
  Node* target_ = nullptr;
  bool connections_changed_ = false;
};

}  // namespace strata::client
