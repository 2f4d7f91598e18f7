// Three whole nodes on real threads in one process, twelve threads in all, for the thread sanitizer: what the simulator
// runs in one thread. Their network is a post into the other's mailbox, their disks are in memory.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "actors/node_actors.hpp"
#include "bridge_support.hpp"
#include "net/asio_clock.hpp"
#include "support/memory_files.hpp"
#include "wal/data_directory.hpp"

namespace strata {
namespace {

using net::Loop;
using net::patience;

// The answers that came, by the request's address.
class Answers : public actors::ClientReplies {
 public:
  void send(std::vector<wire::ClientReply> batch) override {
    const std::lock_guard lock(mutex_);
    for (wire::ClientReply& reply : batch) {
      const bool first = bodies_.emplace(std::move(reply.to.packed), std::move(reply.body)).second;
      twice_ = twice_ || !first;
    }
    arrived_.notify_all();
  }

  // Nothing: there was none in time.
  std::optional<wire::ReplyBody> wait_for(const Bytes& address) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, patience, [&] { return bodies_.contains(address); })) {
      return std::nullopt;
    }
    return bodies_.at(address);
  }

  bool any_twice() {
    const std::lock_guard lock(mutex_);
    return twice_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<Bytes, wire::ReplyBody> bodies_;
  bool twice_ = false;
};

class Cluster;

class Node : public actors::PeerTransport {
 public:
  Node(Cluster& cluster, NodeId id);

  void start() {
    loop_.call([this] { actors_->start(); });
    up_ = true;
  }
  void stop() {
    if (up_.exchange(false)) {
      loop_.run(actors_->stop(std::chrono::seconds(1)));
    }
  }
  bool up() const { return up_; }

  // Whatever becomes of it: the network may lose a message, and a node that stops takes none.
  void deliver(const Node& from, wire::PeerMessage message);
  actors::PostResult request(wire::ClientRequest request);
  void set_fsync_interval(Duration interval) { actors_->set_fsync_interval(interval); }

  void send(std::vector<actors::PeerSend> batch) override;

 private:
  Cluster& cluster_;
  NodeId id_;
  net::MemoryLogger logger_;
  test::MemoryFiles files_;
  std::mt19937_64 random_;
  // Before the threads: they may still run what belongs to the actors while they are joined.
  std::unique_ptr<actors::NodeActors> actors_;
  std::atomic<bool> up_ = false;
  Loop loop_;
  Loop wal_;
  Loop fsync_;
  Loop allocator_;
  Loop snapshots_;
  net::AsioClock loop_clock_{loop_.executor()};
  net::AsioClock fsync_clock_{fsync_.executor()};
};

class Cluster {
 public:
  Cluster() {
    for (std::uint16_t id = 1; id <= 3; ++id) {
      nodes_.at(id - 1U) = std::make_unique<Node>(*this, NodeId(id));
    }
    for (const auto& node : nodes_) {
      node->start();
    }
  }
  ~Cluster() {
    for (const auto& node : nodes_) {
      node->stop();
    }
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Node& node(std::size_t number) { return *nodes_.at(number); }
  Answers& answers() { return answers_; }
  static std::vector<NodeId> members() { return {NodeId(1), NodeId(2), NodeId(3)}; }

  // Asks one node after the other until one answers by other than an error. Every request has an address of its own.
  wire::ReplyBody ask(std::size_t first, const wire::RequestBody& body) {
    for (std::size_t turn = first;; ++turn) {
      const Bytes address = fmt::format("request {}", ++requests_);
      if (node(turn % 3).request({{address}, body}) != actors::PostResult::accepted) {
        continue;
      }
      const auto answer = answers_.wait_for(address);
      REQUIRE(answer.has_value());
      if (!std::holds_alternative<wire::ErrorReply>(*answer)) {
        return *answer;
      }
    }
  }

 private:
  Answers answers_;
  std::atomic<std::uint64_t> requests_ = 0;
  std::array<std::unique_ptr<Node>, 3> nodes_;
};

Node::Node(Cluster& cluster, NodeId id) : cluster_(cluster), id_(id), random_(id.value) {
  actors::NodeOptions options;
  options.raft.self = id;
  options.raft.members = Cluster::members();
  options.log = {
      .directory = "data", .segment_size = 64 << 10, .cluster = ClusterId(7), .node = id, .repairable = true};
  options.front_end.self = id;
  auto directory = wal::open_data_directory(files_, options.log, logger_);
  REQUIRE(directory.has_value());
  const actors::NodePorts ports{loop_clock_,
                                fsync_clock_,
                                *this,
                                cluster_.answers(),
                                files_,
                                logger_,
                                [this] { return random_(); },
                                [](const Error& error) { FAIL(error.text); }};
  auto made = actors::NodeActors::make(
      options, {loop_.executor(), wal_.executor(), fsync_.executor(), allocator_.executor(), snapshots_.executor()},
      ports, std::move(*directory));
  REQUIRE(made.has_value());
  actors_ = std::move(*made);
}

void Node::send(std::vector<actors::PeerSend> batch) {
  for (actors::PeerSend& send : batch) {
    cluster_.node(send.to.value - 1U).deliver(*this, std::move(send.message));
  }
}

void Node::deliver(const Node& from, wire::PeerMessage message) {
  if (!up_) {
    return;
  }
  const std::size_t bytes = wire::size_of(message);
  if (auto* of_raft = std::get_if<raft::Message>(&message)) {
    actors::PeerMessages messages;
    messages.messages.push_back({from.id_, std::move(*of_raft), from.actors_->start_of_node().nonce});
    actors_->raft().post(actors::RaftMessage(std::move(messages)), bytes);
  } else if (auto* sets = std::get_if<wire::ForwardSets>(&message)) {
    actors_->front_end().post(actors::FrontEndMessage(actors::ForwardedFrom{from.id_, std::move(*sets)}), bytes);
  } else if (auto* replies = std::get_if<wire::ForwardReplies>(&message)) {
    actors_->front_end().post(actors::FrontEndMessage(actors::ForwardAnswersFrom{from.id_, std::move(*replies)}),
                              bytes);
  }
}

actors::PostResult Node::request(wire::ClientRequest request) {
  if (!up_) {
    return actors::PostResult::closed;
  }
  const std::size_t bytes = wire::size_of(request);
  actors::ClientRequests batch;
  batch.requests.push_back(std::move(request));
  return actors_->front_end().post(actors::FrontEndMessage(std::move(batch)), bytes);
}

constexpr std::size_t writers = 4;
constexpr std::size_t sets_of_each = 150;

Bytes key_of(std::size_t writer, std::size_t number) {
  return fmt::format("key {}", (writer * 7 + number) % 40 + writer * 100);
}

void write_all(Cluster& cluster, std::size_t writer) {
  for (std::size_t number = 0; number < sets_of_each; ++number) {
    wire::SetRequest set;
    set.key = key_of(writer, number);
    set.value = fmt::format("value {} of {}", number, writer);
    cluster.ask(writer + number, set);
    if (number % 50 == 0) {
      cluster.ask(number, wire::StatusRequest());
      cluster.node(writer % 3).set_fsync_interval(std::chrono::microseconds(writer * 500));
    }
  }
}

std::map<Bytes, Bytes> expected() {
  std::map<Bytes, Bytes> last;
  for (std::size_t writer = 0; writer < writers; ++writer) {
    for (std::size_t number = 0; number < sets_of_each; ++number) {
      last[key_of(writer, number)] = fmt::format("value {} of {}", number, writer);
    }
  }
  return last;
}

void check_values(Cluster& cluster, std::size_t node) {
  for (const auto& [key, value] : expected()) {
    wire::GetRequest get;
    get.key = key;
    const wire::ReplyBody answer = cluster.ask(node, get);
    REQUIRE(std::holds_alternative<wire::GetReply>(answer));
    CHECK(std::get<wire::GetReply>(answer).value == value);
  }
}

void write_from_threads(Cluster& cluster) {
  std::vector<std::thread> threads;
  threads.reserve(writers);
  for (std::size_t writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&cluster, writer] { write_all(cluster, writer); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace

TEST_CASE("three nodes on twelve threads store what four threads write to all of them") {
  Cluster cluster;
  write_from_threads(cluster);
  for (std::size_t node = 0; node < 3; ++node) {
    check_values(cluster, node);
  }
  CHECK_FALSE(cluster.answers().any_twice());
}

TEST_CASE("one of three nodes stops under load, and the others go on") {
  Cluster cluster;
  std::thread stopper([&cluster] {
    cluster.ask(0, wire::GetRequest{.key = "any", .local = false, .min_revision = std::nullopt, .synced = false});
    cluster.node(1).stop();
  });
  write_from_threads(cluster);
  stopper.join();
  check_values(cluster, 0);
  check_values(cluster, 2);
  CHECK_FALSE(cluster.answers().any_twice());
}

}  // namespace strata
