#include "node/server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "actors/node_actors.hpp"
#include "net/asio_clock.hpp"
#include "net/client_socket.hpp"
#include "net/context.hpp"
#include "net/peer_transport.hpp"
#include "node/cluster_id.hpp"
#include "node/disk_thread.hpp"
#include "node/run_options.hpp"
#include "node/version.hpp"
#include "wal/data_directory.hpp"

namespace strata::node {

namespace asio = boost::asio;

namespace {

// SIGTERM: exit within two seconds. What is on its way has the first, a disk that hangs is left behind after the
// second.
constexpr Duration patience = std::chrono::milliseconds(1000);
constexpr Duration longest_stop = std::chrono::milliseconds(1900);
constexpr Duration longest_drain = std::chrono::milliseconds(50);

std::vector<NodeId> member_ids(const Options& options) {
  std::vector<NodeId> ids;
  ids.reserve(options.cluster.size());
  for (const MemberEndpoint& member : options.cluster) {
    ids.push_back(member.id);
  }
  if (ids.empty()) {
    ids.push_back(options.id);
  }
  return ids;
}

ExitStatus status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::in_use:
    case ErrorKind::mismatch:
      return exit_disagreement;
    case ErrorKind::damaged:
      return exit_damaged;
    case ErrorKind::io:
      return exit_disk;
    default:
      return exit_failed;
  }
}

// An endpoint in use is not what exit status 3 tells of: that is a data directory in use.
Error socket_error(Error error) {
  error.kind = ErrorKind::unavailable;
  return error;
}

class Server {
 public:
  Server(const Options& options, EventLog& log, const std::function<Result<Options>()>& reload)
      : options_(options),
        log_(log),
        reload_(reload),
        cluster_(cluster_id_of(options.cluster_name, member_ids(options))),
        files_(wal::make_posix_file_system()) {}

  ExitStatus run() {
    if (const Result<void> prepared = prepare(); !prepared) {
      log_.error("{}", prepared.error().text);
      if (prepared.error().kind == ErrorKind::damaged) {
        log_.error(
            "the data is damaged, and was left as it is: \"kv-wal verify {0}\" shows where, \"kv-wal salvage {0} "
            "OUT\" saves what can be read",
            options_.data_dir);
      }
      return status_of(prepared.error());
    }
    signals_.emplace(loop_, SIGTERM, SIGINT, SIGHUP);
    asio::co_spawn(loop_, live(), asio::detached);
    loop_.run();
    return status_;
  }

 private:
  // The directory is locked before any socket is bound; requests that come before the log is replayed wait in the
  // socket.
  Result<void> prepare();
  wal::LogOptions log_options() const;
  actors::NodeOptions node_options() const;
  net::PeerTransportOptions peer_options();

  asio::awaitable<void> live();
  asio::awaitable<void> stop();
  asio::awaitable<void> watch_stop();
  void reload();
  void disagree(const Error& error);
  // Any thread.
  void disk_failed(const Error& error);

  const Options& options_;
  EventLog& log_;
  const std::function<Result<Options>()>& reload_;
  ClusterId cluster_;
  std::unique_ptr<wal::FileSystem> files_;
  std::random_device random_device_;
  std::mt19937_64 random_{(std::uint64_t{random_device_()} << 32) | random_device_()};

  asio::io_context loop_{1};
  std::optional<asio::signal_set> signals_;  // once the node is prepared: see serve()
  DiskThread wal_thread_;
  DiskThread fsync_thread_;
  DiskThread allocator_thread_;
  DiskThread snapshot_thread_;
  net::AsioClock loop_clock_{loop_.get_executor()};
  net::AsioClock fsync_clock_{fsync_thread_.executor()};
  net::Context context_;
  std::unique_ptr<net::ClientSocket> clients_;
  std::unique_ptr<net::PeerTransport> peers_;
  std::unique_ptr<actors::NodeActors> actors_;
  ExitStatus status_ = exit_ok;
};

Result<void> Server::prepare() {
  auto directory = wal::open_data_directory(*files_, log_options(), log_,
                                            run_options(options_, *files_, log_, [this] { return random_(); }));
  if (!directory) {
    return directory.error();
  }
  auto clients = net::ClientSocket::open(context_, loop_.get_executor(),
                                         {.listen = options_.listen,
                                          .limits = {.max_value = options_.max_value},
                                          .reply_patience = options_.request_timeout},
                                         log_);
  if (!clients) {
    return socket_error(clients.error());
  }
  clients_ = std::move(*clients);
  auto peers = net::PeerTransport::open(context_, loop_.get_executor(), peer_options(), log_);
  if (!peers) {
    return socket_error(peers.error());
  }
  peers_ = std::move(*peers);
  actors::NodePorts ports{loop_clock_,
                          fsync_clock_,
                          *peers_,
                          *clients_,
                          *files_,
                          log_,
                          [this] { return random_(); },
                          [this](const Error& error) { disk_failed(error); },
                          [this](const Error& error) { disagree(error); }};
  auto actors = actors::NodeActors::make(node_options(),
                                         {loop_.get_executor(), wal_thread_.executor(), fsync_thread_.executor(),
                                          allocator_thread_.executor(), snapshot_thread_.executor()},
                                         std::move(ports), std::move(*directory));
  if (!actors) {
    return actors.error();
  }
  actors_ = std::move(*actors);
  return {};
}

wal::LogOptions Server::log_options() const {
  return {.directory = options_.data_dir,
          .segment_size = options_.segment_size,
          .cluster = cluster_,
          .node = options_.id,
          .repairable = member_ids(options_).size() > 1};
}

actors::NodeOptions Server::node_options() const {
  actors::NodeOptions node;
  node.raft.self = options_.id;
  node.raft.members = member_ids(options_);
  node.raft.election_timeout = options_.election_timeout;
  node.raft.heartbeat_interval = options_.heartbeat_interval;
  node.raft.ack = options_.ack;
  node.log = log_options();
  node.fsync_interval = options_.fsync_interval;
  node.front_end.self = options_.id;
  node.front_end.version = version;
  for (const NodeId id : node.raft.members) {
    const auto member = std::ranges::find(options_.cluster, id, &MemberEndpoint::id);
    node.front_end.members.push_back({id, member == options_.cluster.end() ? "" : member->endpoint,
                                      id == options_.id ? clients_->endpoints() : std::vector<std::string>()});
  }
  node.front_end.ack = options_.ack;
  node.front_end.fsync_interval = options_.fsync_interval;
  node.front_end.snapshot_log_size = options_.snapshot_log_size;
  node.front_end.max_pending = options_.max_pending;
  node.front_end.max_sessions = options_.max_sessions;
  node.front_end.request_timeout = options_.request_timeout;
  return node;
}

net::PeerTransportOptions Server::peer_options() {
  net::PeerTransportOptions peer;
  peer.self = options_.id;
  peer.cluster = cluster_;
  for (const MemberEndpoint& member : options_.cluster) {
    if (member.id == options_.id) {
      peer.listen = member.endpoint;
    } else {
      peer.peers.emplace(member.id, member.endpoint);
    }
  }
  peer.hello.client_endpoints = clients_->endpoints();
  peer.hello.ack = options_.ack;
  peer.hello.max_sessions = options_.max_sessions;
  peer.on_disagreement = [this](const Error& error) { disagree(error); };
  return peer;
}

asio::awaitable<void> Server::live() {
  actors_->start();
  peers_->start(actors_->start_of_node(), actors_->known_members(), actors_->raft(), actors_->front_end());
  clients_->start(actors_->front_end());
  std::string endpoints;
  for (const std::string& endpoint : clients_->endpoints()) {
    endpoints += " " + endpoint;
  }
  log_.info("ready{}", endpoints);
  for (;;) {
    const auto [error, signal] = co_await signals_->async_wait(asio::as_tuple(asio::use_awaitable));
    if (error || signal != SIGHUP) {
      break;
    }
    reload();
  }
  asio::co_spawn(loop_, watch_stop(), asio::detached);
  co_await stop();
  loop_.stop();
}

asio::awaitable<void> Server::stop() {
  log_.info("stops");
  co_await actors_->stop(patience);
  co_await clients_->stop();
  co_await peers_->stop();
  log_.info("stopped");
}

// A disk that hangs must not hold up the end: everything acknowledged is on a majority already.
asio::awaitable<void> Server::watch_stop() {
  asio::steady_timer timer(loop_, longest_stop);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (actors_->log_closed()) {
    log_.info("stopped; a segment that was being prepared is left to the next start");
    log_.drain(longest_drain);
    std::_Exit(status_);
  }
  log_.error("the disk did not end its work in time; the node ends without it");
  log_.drain(longest_drain);
  std::_Exit(status_ == exit_ok ? exit_failed : status_);
}

void Server::reload() {
  const Result<Options> options = reload_();
  if (!options) {
    log_.error("SIGHUP: nothing was changed: {}", options.error().text);
    return;
  }
  log_.set_level(options->log_level);
  actors_->set_fsync_interval(options->fsync_interval);
  log_.info("SIGHUP: log level and fsync interval were read again");
}

void Server::disagree(const Error& error) {
  log_.error("{}", error.text);
  asio::post(loop_, [this] {
    status_ = exit_disagreement;
    signals_->cancel();
  });
}

void Server::disk_failed(const Error& error) {
  log_.error("the disk failed, the node stops: {}", error.text);
  asio::post(loop_, [this] {
    status_ = exit_disk;
    signals_->cancel();
  });
}

}  // namespace

// Until the log is read and all is open, a node has promised nothing that it would have to end well, and its disk may
// keep it for as long as it likes: it ends at once.
ExitStatus serve(const Options& options, EventLog& log, const std::function<Result<Options>()>& reload) {
  std::signal(SIGTERM, [](int) { std::_Exit(exit_ok); });
  std::signal(SIGINT, [](int) { std::_Exit(exit_ok); });
  std::signal(SIGHUP, SIG_IGN);
  Server server(options, log, reload);
  return server.run();
}

}  // namespace strata::node
