// A simulated client: a number of requests in flight, unique values, and a record of all that it sees.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "sim/history.hpp"
#include "sim/invariants.hpp"
#include "sim/oracles.hpp"
#include "sim/plan.hpp"
#include "sim/random.hpp"
#include "sim/scheduler.hpp"
#include "sim/trace.hpp"
#include "wire/client_protocol.hpp"

namespace strata::sim {

struct ClientSurroundings {
  const Plan& plan;
  Scheduler& scheduler;
  Trace& trace;
  Oracles& oracles;
  History& history;
  std::function<void(NodeId, wire::ClientRequest)> send;  // to a node, where it arrives later, or never
  Violated violated;
};

// What became of a request: of a SET that was stored and of a GET, `ok`.
enum class Fate { open, ok, error };

class Client {
 public:
  using Number = std::uint64_t;

  Client(std::uint32_t id, ClientSurroundings& surroundings);

  // Sends requests as the plan says, until told to stop. What is in flight then may still be answered.
  void start();
  void stop() { running_ = false; }
  // Trouble by load, while it runs. Many requests at once, beside those that are in flight:
  void burst(std::size_t requests);
  // Asks for nothing but one key, the same as all others do.
  void ask_for_one_key(bool one) { one_key_ = one; }
  // From now on each request is one with SYNCED, or none is that the plan does not draw.
  void ask_for_synced(bool synced) { synced_ = synced; }
  // Leaves its connection, with all answers that were to come on it, and goes on at once at `node`.
  void reconnect(NodeId node);

  // One request.
  Number set(NodeId node, const Bytes& key, std::size_t value_size);
  Number get(NodeId node, const Bytes& key);
  // A SET of nothing, to a key of its own.
  Number set_empty(NodeId node);
  // A SET with IF: stored only over the revision of the key that this client saw last.
  Number set_if(NodeId node, const Bytes& key, std::size_t value_size);
  // A SET that may be repeated, at any node and as often as wanted: it is done once. Errors leave it open to be
  // repeated; the first answer OK settles it, and every other must say the same. Numbers of one session must take
  // effect in order: the next one only when this one is settled.
  Number set_once(NodeId node, const Bytes& key, std::size_t value_size, std::uint32_t session = 0);
  void repeat(Number number, NodeId node);
  Fate fate(Number number) const;
  // Of a request that is `ok`: what was written or read. A read of nothing gives 0 for both.
  WriteName value(Number number) const { return requests_.at(number).name; }
  LogIndex revision(Number number) const { return requests_.at(number).revision; }

  // What was committed from `first` on is gone: no revision from there on is known any more.
  void lost_from(LogIndex first);
  void replied(const wire::ClientReply& reply);

  std::size_t succeeded() const { return succeeded_; }

  static std::uint32_t client_of(const wire::ClientAddress& address);

 private:
  // Of the running load. A server that may have forgotten it refuses it, by `since`.
  struct Session {
    std::uint32_t number = 0;  // 0 is not among them
    std::optional<LogIndex> since;
  };

  struct Request {
    History::Operation operation = 0;
    WriteName name;  // written, or read
    LogIndex revision;
    NodeId node;
    std::optional<wire::SetRequest> once;  // to be repeated
    Session session;                       // of a repeatable one
    bool stale = false;                    // its session may be forgotten: it cannot be repeated any more
    bool repeating = false;                // a copy is about to be sent
    bool slot = false;                     // belongs to the running load: when it is over, the next one is sent
    bool extra = false;                    // but not after this one
    Fate fate = Fate::open;
  };

  void next_request();
  void draw_request(bool extra);
  Number draw_set(const Bytes& key, std::size_t value_size);
  Session take_session();
  Number send_once(NodeId node, const Bytes& key, std::size_t value_size, Session session);
  Number begin_once(const Bytes& key, std::size_t value_size);
  void end_slot(Number number, Request& request);
  void repeat_soon(Number number, Request& request);
  void repeat_now(Number number);
  void watch(Number number);
  void schedule_next();
  Number send(NodeId node, wire::RequestBody body, Request request);
  void deliver(NodeId node, Number number, wire::RequestBody body);
  void give_up(Number number);
  void settle(Number number, Request& request, const wire::ReplyBody& body);
  bool settle_gone(Request& request, const wire::ReplyBody& body);
  void settle_error(Request& request, const wire::ErrorReply& error);
  void saw(const Bytes& key, LogIndex revision);
  void settle_repeat(const Request& request, const wire::ReplyBody& body);
  void judge(const std::optional<std::string>& wrong);
  NodeId draw_node();
  Bytes draw_key();
  Bytes draw_key_to_get();

  std::uint32_t id_;
  ClientSurroundings& surroundings_;
  Random random_;
  Random levels_;  // which requests are with SYNCED
  bool running_ = false;
  bool one_key_ = false;
  bool synced_ = false;
  NodeId favourite_;
  Number last_number_ = 0;
  Number left_ = 0;  // answers up to this one are on a connection that it has left
  std::size_t succeeded_ = 0;
  std::map<Number, Request> requests_;
  std::map<Bytes, LogIndex> seen_;  // the newest revision of a key that this client saw
  LogIndex newest_seen_;            // of all keys
  std::vector<Session> free_sessions_;
  std::uint32_t sessions_ = 0;
  std::vector<Bytes> empty_keys_;
  std::map<Number, Number> repeats_;  // of what: each copy of a request has a number of its own
};

}  // namespace strata::sim
