// A core with a disk that does its work on demand, and a cluster of such nodes with a pool of messages that the test
// delivers, drops or repeats.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "raft/core.hpp"

namespace strata {

// For the messages of failed checks.
template <class Tag, class Number>
std::ostream& operator<<(std::ostream& out, StrongId<Tag, Number> id) {
  return out << id.value;
}

}  // namespace strata

namespace strata::raft::testing {

inline Term term(std::uint64_t number) {
  return Term(number);
}
inline LogIndex index(std::uint64_t number) {
  return LogIndex(number);
}
inline NodeId id(int number) {
  return NodeId(static_cast<std::uint16_t>(number));
}

// Members 1 to `members`.
Config config_of(int self, int members = 3);

// The same with pre-vote and check-quorum, which Figure 2 does not know and the others do without.
Config complete_config_of(int self, int members = 3);

// Entries from `first` on with these terms; the payload of each names its term and index.
std::vector<Entry> entries_of(std::uint64_t first, const std::vector<std::uint64_t>& terms);

// The terms of a log, from index 1.
std::vector<std::uint64_t> terms_of(const Log& log);

AppendEntries append_entries(std::uint64_t of_term, std::uint64_t prev, std::uint64_t prev_term,
                             std::vector<Entry> entries = {}, std::uint64_t commit = 0, std::uint64_t round = 1);

// A snapshot: what it holds up to, and the state machine as bytes.
struct Snapshot {
  EntryId last_included;
  Bytes content;
};

// What a disk keeps, and what it holds only in the kernel's memory.
struct Disk {
  Standing standing = Standing::sound;
  Incarnation incarnation{1};
  std::uint64_t directory = 0;
  std::uint64_t nonce = 0;
  Admission admission = Admission::member;
  std::vector<KnownMember> members;
  HardState hard_state;
  std::vector<Hole> holes;  // of what is missing, nothing of `written` counts
  bool end_unknown = false;
  Snapshot snapshot;  // the newest, synced
  EntryId base;       // the entries up to it are gone from all that follows
  std::vector<Entry> synced;
  LogIndex synced_commit;  // the commit index that a synced record names
  std::vector<Entry> written;
  LogIndex written_commit;
  std::vector<Append> unsynced;  // written since the last sync

  // What a node finds after its process died.
  Restored restored() const;
  void write(Append append, LogIndex commit_index);
  // The log begins anew behind `base`, synced.
  void restart(EntryId base);
  // Drops the entries up to `index`.
  void release(LogIndex index);
  void sync();
  // The machine loses power: of what is not synced, the first `kept` appends are there nevertheless.
  void lose_power(std::size_t kept = 0);
};

class Node {
 public:
  Node(Config config, Disk disk, TimePoint start = {}, std::uint64_t random = 0);

  Core core;
  Disk disk;
  TimePoint now;
  std::uint64_t random = 0;  // the random number of every step

  // Outputs, gathered until somebody takes them.
  Output last;                   // of the newest step
  std::vector<Outgoing> outbox;  // what may be sent
  std::vector<Entry> committed;
  std::vector<Entry> repaired;
  std::vector<ReadReady> reads_ready;
  std::vector<ReadId> reads_failed;
  std::vector<Fetch> fetches;
  std::vector<ReadSnapshot> snapshot_reads;
  std::vector<StoreSnapshot> snapshot_parts;
  std::vector<EntryId> installed;
  Bytes machine;  // the state machine: the payloads that were applied, or what was installed

  void step(Event event);
  // Of the start of the sender that this node knows, or of another.
  void receive(int from, Message message) { receive(from, std::move(message), known_nonce(from)); }
  void receive(int from, Message message, std::uint64_t nonce) { step(Received{id(from), std::move(message), nonce}); }
  void propose(std::vector<Bytes> payloads) { step(Propose{ProposalId(++proposals_), std::move(payloads)}); }
  void read(std::uint64_t read) { step(Read{ReadId(read)}); }
  // A snapshot of everything that is applied, which keeps the log from `released` + 1 on (default: nothing of it).
  void snapshot(std::optional<std::uint64_t> released = std::nullopt);
  // The driver's answer to the only part that is asked for, or to the only one that is to be stored.
  void read_snapshot();
  void store_snapshot();
  // Time passes, and the core is told.
  void pass(Duration duration);
  // Until the core wants to be woken.
  void time_out();

  // The disk does the first thing that waits for it (a hard state, or a write; messages that wait for a hard state go
  // when it is their turn). The report waits in `reports`. False: nothing waits.
  bool work();
  void sync();
  // The core is told of the first report. False: there is none.
  bool report();
  void write_all();  // everything that waits is written and reported
  void settle();     // and synced
  bool disk_idle() const { return queue_.empty() && disk.unsynced.empty() && reports.empty(); }

  std::deque<Event> reports;

  // Takes the messages of one kind to one member out of the outbox.
  template <class Kind>
  std::vector<Kind> take(int to) {
    std::vector<Kind> taken;
    std::erase_if(outbox, [&](Outgoing& outgoing) {
      auto* message = std::get_if<Kind>(&outgoing.message);
      if (!message || outgoing.to != id(to)) {
        return false;
      }
      taken.push_back(std::move(*message));
      return true;
    });
    return taken;
  }
  // The only one of its kind to that member; fails the test when there are more or none.
  template <class Kind>
  Kind only(int to) {
    auto taken = take<Kind>(to);
    require_one(taken.size());
    return taken.front();
  }
  // Those with entries, or those without.
  std::vector<AppendEntries> take_entries(int to);
  std::vector<AppendEntries> take_heartbeats(int to);

 private:
  static void require_one(std::size_t count);
  std::uint64_t known_nonce(int member) const;

  struct Write {
    Append append;
    LogIndex commit_index;  // when it was handed out
  };
  struct State {  // saved together
    std::optional<HardState> hard_state;
    std::optional<Record> record;
  };
  void save(const State& state);
  std::deque<std::variant<State, Write, std::vector<Outgoing>, EntryId>> queue_;
  Snapshot incoming_;
  std::uint64_t proposals_ = 0;
};

// A node whose synced log has these terms.
Node node_with_log(const std::vector<std::uint64_t>& terms, HardState hard_state, int self = 1, int members = 3);
// With pre-vote and check-quorum.
Node complete_node(const std::vector<std::uint64_t>& terms, HardState hard_state, int self = 1, int members = 3);
Disk disk_with_log(const std::vector<std::uint64_t>& terms, HardState hard_state);

// Makes the node campaign and save, all others in favour; its RequestVotes are in the outbox.
void campaign(Node& node);
// Makes it win an election with the votes of a majority, save and write; the outbox is empty then.
void elect(Node& node);
// A successful answer of a follower that has everything up to `last` synced.
AppendEntriesResponse success(const Node& node, std::uint64_t last, Round round);
AppendEntriesResponse success(const Node& node, std::uint64_t matched, std::uint64_t written, std::uint64_t synced,
                              Round round);
AppendEntriesResponse rejection(const Node& node, std::uint64_t conflict_index, std::uint64_t conflict_term,
                                Round round);
// A follower of leader 2 in `of_term`.
void follow(Node& node, std::uint64_t of_term);

struct Packet {
  NodeId from;
  Outgoing outgoing;
  std::uint64_t nonce = 0;  // of the start that sent it
};

class Cluster {
 public:
  explicit Cluster(int members, const std::function<void(Config&)>& adjust = {});

  Node& node(int number) { return nodes.at(id(number)); }
  std::map<NodeId, Node> nodes;
  std::vector<Packet> pool;  // in order of sending

  // Gathers what may be sent, then delivers one message.
  void gather();
  void deliver(std::size_t place);
  // Every disk works and every message arrives, until nothing happens any more. Messages from and to the nodes in `cut`
  // are lost.
  void settle(std::initializer_list<int> cut = {});
  void elect(int number, std::initializer_list<int> cut = {});
  void pass(Duration duration);
  // The process of the node dies and starts again with what is on its disk.
  void restart(int number);

 private:
  bool work();
};

}  // namespace strata::raft::testing
