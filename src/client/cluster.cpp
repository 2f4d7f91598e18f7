#include "client/cluster.hpp"

#include <algorithm>

namespace strata::client {

namespace {

constexpr std::size_t max_nodes = 64;
constexpr std::chrono::milliseconds reconnect_pause{20};

bool is_ready(const std::unique_ptr<Connection>& connection) {
  return connection->link.state() == Link::State::ready;
}

bool is_lost(const std::unique_ptr<Connection>& connection) {
  return connection->link.state() == Link::State::lost;
}

}  // namespace

Connection::Connection(zmq::context_t& context, Node& owner) : link(context, owner.endpoint), node(owner) {}

Cluster::Cluster(const std::vector<std::string>& endpoints, unsigned connections) : connections_(connections) {
  context_.set(zmq::ctxopt::blocky, false);
  for (const std::string& endpoint : endpoints) {
    node_at(endpoint);
  }
}

Node& Cluster::node_at(const std::string& endpoint) {
  for (const auto& node : nodes_) {
    if (node->endpoint == endpoint) {
      return *node;
    }
  }
  nodes_.push_back(std::make_unique<Node>());
  nodes_.back()->endpoint = endpoint;
  return *nodes_.back();
}

void Cluster::connect(Node& node, SteadyTime now) {
  const std::size_t wanted = &node == target_ ? connections_ : 1;
  if (node.invalid || now < node.connect_after) {
    return;
  }
  while (node.connections.size() < wanted) {
    node.connections.push_back(std::make_unique<Connection>(context_, node));
    connections_changed_ = true;
    if (is_lost(node.connections.back())) {
      node.invalid = true;
      node.refused = true;
      return;
    }
  }
}

void Cluster::connect_to_all(SteadyTime now) {
  for (const auto& node : nodes_) {
    connect(*node, now);
  }
}

bool Cluster::has_known_id(std::uint16_t id) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node->view.id == id; });
}

void Cluster::learn_member(const MemberStatus& member) {
  const bool reached_otherwise = has_known_id(member.id);
  for (const std::string& endpoint : member.clients) {
    const auto known =
        std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node->endpoint == endpoint; });
    if (known != nodes_.end()) {
      // What a node says of itself counts for more than what others say of it.
      (*known)->view.id = (*known)->view.id == 0 ? member.id : (*known)->view.id;
    } else if (nodes_.size() < max_nodes && !is_wildcard(endpoint) && !reached_otherwise) {
      node_at(endpoint).view.id = member.id;
    }
  }
}

void Cluster::learn(Node& from, const NodeStatus& status, SteadyTime now) {
  from.view.id = status.id;
  from.view.seen = now;
  from.view.term = status.term;
  from.view.leader = status.leader;
  from.asked.reset();
  members_.clear();
  for (const MemberStatus& member : status.members) {
    members_.push_back(member.id);
    learn_member(member);
  }
}

bool Cluster::choose(SteadyTime now) {
  std::vector<NodeView> views;
  for (const auto& node : nodes_) {
    node->view.ready = std::any_of(node->connections.begin(), node->connections.end(), is_ready);
    node->view.was_ready = node->view.was_ready || node->view.ready;
    views.push_back(node->view);
  }
  const std::uint16_t leader = choose_leader(views, now);
  if (leader != leader_) {
    leader_ = leader;
    without_target_since_ = now;
  }
  const auto index = choose_target(views, leader_, without_target_since_, now);
  Node* target = index ? nodes_[*index].get() : nullptr;
  if (target == target_) {
    return false;
  }
  without_target_since_ = target == nullptr ? now : without_target_since_;
  target_ = target;
  if (target_ != nullptr) {
    connect(*target_, now);
  }
  return true;
}

Connection* Cluster::pick(Node& node) {
  for (std::size_t tries = 0; tries < node.connections.size(); ++tries) {
    const auto& connection = node.connections[node.next++ % node.connections.size()];
    if (is_ready(connection)) {
      return connection.get();
    }
  }
  return nullptr;
}

Node* Cluster::any_ready() const {
  if (target_ != nullptr && target_->view.ready) {
    return target_;
  }
  const auto ready = std::find_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->view.ready; });
  return ready == nodes_.end() ? nullptr : ready->get();
}

bool Cluster::sweep(SteadyTime now) {
  bool changed = std::exchange(connections_changed_, false);
  for (const auto& node : nodes_) {
    if (std::erase_if(node->connections, is_lost) > 0) {
      node->connect_after = now + reconnect_pause;
      changed = true;
    }
  }
  return changed;
}

Reach Cluster::reach_of(const Node& node, SteadyTime now) {
  if (node.view.ready && node.view.seen && now - *node.view.seen < view_lifetime) {
    return Reach::answers;
  }
  return node.refused && !node.view.ready ? Reach::refused : Reach::silent;
}

Reach Cluster::reach_of(std::uint16_t member, SteadyTime now) const {
  Reach best = Reach::silent;
  for (const auto& node : nodes_) {
    if (node->view.id == member) {
      const Reach how = reach_of(*node, now);
      best = how == Reach::answers || best == Reach::silent ? how : best;
    }
  }
  return best;
}

std::vector<NodeReach> Cluster::reach(SteadyTime now) const {
  std::vector<NodeReach> reached;
  reached.reserve(std::max(members_.size(), nodes_.size()));
  for (const std::uint16_t member : members_) {
    reached.push_back({std::to_string(member), reach_of(member, now)});
  }
  if (members_.empty()) {
    for (const auto& node : nodes_) {
      reached.push_back({node->endpoint, reach_of(*node, now)});
    }
  }
  return reached;
}

}  // namespace strata::client
